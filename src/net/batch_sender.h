// What one turn has to send on many sockets, gathered and then sent with as few system calls as it takes: one
// for all of it through a small io_uring, whose every operation completes within the call that submits it
// (MSG_DONTWAIT), so that no buffer has to outlive it. Where that is refused, or is not worth its own price,
// one send() each.
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
  static constexpr size_t kRingMin = 4;    // fewer sends than these are made one by one

  BatchSender();
  ~BatchSender();

  // From now on io_uring where it is worth it; the sender belongs to the calling thread then. False: the
  // kernel or a sandbox refuses it, and everything goes on one by one.
  bool use_io_uring();

  bool is_full() const { return count_ == kSendsMax; }
  // Room for the parts of the next send; valid until add().
  std::span<iovec, kPartsMax> parts();
  // Takes the first `count` of parts(), at least one. The bytes they name stay put until send().
  void add(int fd, size_t count);
  // Sends all that was added. Results in that order, as write_some() has them; valid until the next send().
  std::span<const IoResult> send();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  size_t count_ = 0;
};

}  // namespace gw
