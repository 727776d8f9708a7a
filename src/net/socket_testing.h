// Blocking helpers for the client's side of tests.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "net/socket.h"

namespace gw {

inline void wait_readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
}

// A connected, non-blocking socket; `receive_buffer` in bytes, 0: the system's choice.
inline UniqueFd connect_to(const SocketAddress& address, int receive_buffer = 0) {
  UniqueFd fd(::socket(address.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer != 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  int connected = -1;
  if (address.ip.is_v4()) {
    sockaddr_in raw{};
    raw.sin_family = AF_INET;
    raw.sin_port = htons(address.port);
    std::memcpy(&raw.sin_addr, address.ip.bytes.data() + 12, 4);
    connected = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&raw), sizeof(raw));
  } else {
    sockaddr_in6 raw{};
    raw.sin6_family = AF_INET6;
    raw.sin6_port = htons(address.port);
    std::memcpy(&raw.sin6_addr, address.ip.bytes.data(), 16);
    connected = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&raw), sizeof(raw));
  }
  EXPECT_EQ(connected, 0);
  ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  return fd;
}

}  // namespace gw
