#include "load/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <string>
#include <system_error>

namespace gw::bench {
namespace {

constexpr uint32_t kSourceAddresses = 8;

void must(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

sockaddr_in loopback_address(std::string_view url) {
  const std::string given(url);
  if (url.starts_with("http://")) url.remove_prefix(7);
  if (url.ends_with('/')) url.remove_suffix(1);
  const size_t colon = url.find(':');
  uint16_t port = 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon != std::string_view::npos) std::from_chars(url.data() + colon + 1, url.data() + url.size(), port);
  if (port == 0 || inet_pton(AF_INET, std::string(url.substr(0, colon)).c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error("a server is at http://127.0.0.1:PORT, not at " + given);
  }
  if (ntohl(address.sin_addr.s_addr) >> 24 != 127)
    throw std::runtime_error("only loopback is a target, not " + given);
  address.sin_port = htons(port);
  return address;
}

sockaddr_in source_address(uint32_t n) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + n % kSourceAddresses);
  return address;
}

int connect_blocking(const sockaddr_in& server) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(fd, "socket");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  must(connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server), "connect");
  return fd;
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    must(static_cast<int>(n), "send");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void set_nonblocking(int fd) { must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "fcntl"); }

uint64_t raise_file_limit() {
  rlimit limit{};
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  return limit.rlim_cur;
}

void pin_to_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  must(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

}  // namespace gw::bench
