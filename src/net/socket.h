// Plain sockets for every loop of the process: no Asio here. Failures are translated from errno in one place.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/ip.h"

namespace gw {

// Owns a descriptor; closes it once.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct ListenOptions {
  bool reuse_port = true;  // several listeners share the address; the kernel spreads connections over them
  int backlog = 4096;      // the kernel caps it at net.core.somaxconn
  bool with_ipv4 = false;  // [::] takes what comes over IPv4 as well
};

// Whether [::] among `all` is to serve IPv4 too: where no IPv4 address has its port.
bool serves_ipv4_too(const SocketAddress& address, std::span<const SocketAddress> all);

// A non-blocking listener. Port 0 picks one: ask local_address().
// The error's detail names the address and the reason.
Result<UniqueFd> listen_on(const SocketAddress& address, const ListenOptions& options = {});
Result<SocketAddress> local_address(int fd);

struct Accepted {
  UniqueFd fd;  // non-blocking, close-on-exec, TCP_NODELAY
  SocketAddress peer;
};

// Empty: nobody is waiting. A peer that left before it was accepted is skipped. resource_exhausted: no
// descriptor or memory is left; the listener stays readable, so rest before trying again.
Result<std::optional<Accepted>> accept_from(int listener);

// Closing it resets the connection: its peer shall not take what it has for all there is.
void reset_when_closed(int fd);

// Small writes leave at once: everything is gathered before it is written.
void set_no_delay(int fd);

struct IoResult {
  enum class Status {
    ok,     // `bytes` is at least 1
    again,  // would block
    end,    // read only: the peer has sent all it will
    failed  // the connection is of no use any more
  };
  Status status = Status::failed;
  size_t bytes = 0;
};

// One system call each, repeated only on EINTR. Never SIGPIPE.
IoResult read_some(int fd, std::span<char> into);
IoResult write_some(int fd, std::span<const iovec> parts);
IoResult write_some(int fd, std::string_view data);

// The last word to a peer that may still be sending: our side ends, what still comes is read away, and only
// then is the descriptor closed. Closing over unread input would reset the connection, and the word with it.
void end_output(int fd);
// False: the peer has ended its side as well, or the connection is broken. Close it.
bool discard_input(int fd, std::span<char> scratch);

// An eventfd: a loop waits for it, any thread wakes it.
UniqueFd make_wake_fd();
void wake(int fd);
void clear_wake(int fd);

}  // namespace gw
