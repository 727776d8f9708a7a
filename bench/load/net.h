// Small socket matters that the clients share. Everything goes to loopback and nowhere else.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string_view>

namespace gw::bench {

// From "http://127.0.0.1:8000". Throws for any address outside 127.0.0.0/8.
sockaddr_in loopback_address(std::string_view url);
// The n-th of several source addresses (127.0.0.1, 127.0.0.2, ...): one alone runs out of ports.
sockaddr_in source_address(uint32_t n);

int connect_blocking(const sockaddr_in& server);
// On a blocking socket.
void send_all(int fd, std::string_view bytes);
void set_nonblocking(int fd);

// Raises the soft limit of open files to the hard one; returns it.
uint64_t raise_file_limit();
// Keeps this thread, and those it starts, on one CPU.
void pin_to_cpu(int cpu);

}  // namespace gw::bench
