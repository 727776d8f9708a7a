#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/assert.h"

namespace gw {
namespace {

struct RawAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

constexpr size_t kMappedPrefix = 12;  // ::ffff:0:0/96, before the four bytes of IPv4

RawAddress to_raw(const SocketAddress& address) {
  RawAddress raw;
  if (address.ip.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.ip.bytes.data() + kMappedPrefix, 4);
    std::memcpy(&raw.storage, &v4, sizeof(v4));
    raw.size = sizeof(v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, address.ip.bytes.data(), 16);
    std::memcpy(&raw.storage, &v6, sizeof(v6));
    raw.size = sizeof(v6);
  }
  return raw;
}

SocketAddress from_raw(const RawAddress& raw) {
  SocketAddress address;
  if (raw.storage.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &raw.storage, sizeof(v4));
    address.ip.bytes[10] = address.ip.bytes[11] = 0xff;
    std::memcpy(address.ip.bytes.data() + kMappedPrefix, &v4.sin_addr, 4);
    address.port = ntohs(v4.sin_port);
  } else if (raw.storage.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &raw.storage, sizeof(v6));
    std::memcpy(address.ip.bytes.data(), &v6.sin6_addr, 16);
    address.port = ntohs(v6.sin6_port);
  } else if (raw.storage.ss_family == AF_UNIX) {
    address.ip = IpAddress::of_unix_socket();
  }
  return address;
}

void set_option(int fd, int level, int name, int value = 1) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

Error listen_error(const SocketAddress& address, int error) {
  const Errc code = error == EADDRINUSE ? Errc::already_exists
                    : error == EACCES   ? Errc::permission_denied
                                        : Errc::unavailable;
  return Error{code, "cannot listen on " + address.text() + ": " + std::strerror(error)};
}

enum class AcceptFailure { nobody, transient, exhausted, broken };

AcceptFailure classify_accept(int error) {
  switch (error) {
    case EAGAIN: return AcceptFailure::nobody;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return AcceptFailure::exhausted;
    // accept(2): network errors of the new socket are to be treated like EAGAIN, by trying the next one.
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH: return AcceptFailure::transient;
    default: return AcceptFailure::broken;
  }
}

IoResult to_result(ssize_t n) {
  if (n > 0) return {IoResult::Status::ok, static_cast<size_t>(n)};
  if (n == 0) return {IoResult::Status::end, 0};
  return {errno == EAGAIN ? IoResult::Status::again : IoResult::Status::failed, 0};
}

}  // namespace

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

bool serves_ipv4_too(const SocketAddress& address, std::span<const SocketAddress> all) {
  if (address.ip.is_v4() || !address.ip.is_unspecified()) return false;
  return std::none_of(all.begin(), all.end(), [&](const SocketAddress& other) {
    return other.ip.is_v4() && other.port == address.port;
  });
}

Result<UniqueFd> listen_on(const SocketAddress& address, const ListenOptions& options) {
  RawAddress raw = to_raw(address);
  UniqueFd fd(::socket(raw.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) return listen_error(address, errno);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (options.reuse_port) set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (raw.storage.ss_family == AF_INET6) {
    set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, options.with_ipv4 ? 0 : 1);
  }
  set_no_delay(fd.get());  // accepted sockets inherit it
  if (::bind(fd.get(), raw.get(), raw.size) != 0) return listen_error(address, errno);
  if (::listen(fd.get(), options.backlog) != 0) return listen_error(address, errno);
  return fd;
}

Result<SocketAddress> local_address(int fd) {
  RawAddress raw;
  if (::getsockname(fd, raw.get(), &raw.size) != 0) return Error{Errc::closed, std::strerror(errno)};
  return from_raw(raw);
}

Result<std::optional<Accepted>> accept_from(int listener) {
  while (true) {
    RawAddress raw;
    UniqueFd fd(::accept4(listener, raw.get(), &raw.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) return std::optional<Accepted>(Accepted{std::move(fd), from_raw(raw)});
    const int error = errno;
    switch (classify_accept(error)) {
      case AcceptFailure::nobody: return std::optional<Accepted>();
      case AcceptFailure::transient: continue;
      case AcceptFailure::exhausted:
        return Error{Errc::resource_exhausted, std::string("cannot accept: ") + std::strerror(error)};
      case AcceptFailure::broken:
        return Error{Errc::internal, std::string("cannot accept: ") + std::strerror(error)};
    }
  }
}

void reset_when_closed(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

void set_no_delay(int fd) { set_option(fd, IPPROTO_TCP, TCP_NODELAY); }

IoResult read_some(int fd, std::span<char> into) {
  ssize_t n;
  do {
    n = ::recv(fd, into.data(), into.size(), 0);
  } while (n < 0 && errno == EINTR);
  return to_result(n);
}

IoResult write_some(int fd, std::span<const iovec> parts) {
  // Nearly always one part: send() spares the kernel the import of a message header.
  if (parts.size() == 1)
    return write_some(fd, {static_cast<const char*>(parts[0].iov_base), parts[0].iov_len});
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  ssize_t n;
  do {
    n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return to_result(n);
}

IoResult write_some(int fd, std::string_view data) {
  ssize_t n;
  do {
    n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return to_result(n);
}

void end_output(int fd) { ::shutdown(fd, SHUT_WR); }

bool discard_input(int fd, std::span<char> scratch) {
  // Bounded: who sends without end gets its share of a turn and no more.
  for (int i = 0; i < 4; ++i) {
    const IoResult result = read_some(fd, scratch);
    if (result.status == IoResult::Status::again) return true;
    if (result.status != IoResult::Status::ok) return false;
  }
  return true;
}

UniqueFd make_wake_fd() {
  UniqueFd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  ASSERT(fd);
  return fd;
}

void wake(int fd) {
  // EAGAIN means that 2^64-2 wakes are pending: it is awake.
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd, &one, sizeof(one));
}

void clear_wake(int fd) {
  uint64_t count;
  [[maybe_unused]] const ssize_t n = ::read(fd, &count, sizeof(count));
}

}  // namespace gw
