// Sends on many sockets with one system call: a small io_uring whose every operation completes within the
// call that submits it (MSG_DONTWAIT), so that no buffer has to outlive it. Where the kernel or a sandbox
// refuses io_uring, is_available() says so and write_some() is the way.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>

#include "net/socket.h"

namespace gw {

class BatchSender {
 public:
  static constexpr size_t kSendsMax = 256;
  static constexpr size_t kPartsMax = 64;  // of one send

  // Belongs to the thread that makes it.
  BatchSender();
  ~BatchSender();

  bool is_available() const { return impl_ != nullptr; }
  bool is_full() const { return count_ == kSendsMax; }

  // Room for the parts of the next send; valid until add().
  std::span<iovec, kPartsMax> parts();
  // Takes the first `count` of parts(), at least one. The bytes they name stay put until send().
  void add(int fd, size_t count);
  // Sends all that was added. Results in that order, as write_some() has them; valid until the next add().
  std::span<const IoResult> send();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  size_t count_ = 0;
};

}  // namespace gw
