// Where a listener is to be, as settings write it: an address of IP, the path of a Unix socket, or a socket
// that whoever started us has opened already.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ip.h"

namespace gw {

struct UnixPath {
  static constexpr uint32_t kDefaultMode = 0660;

  std::string path;  // absolute
  uint32_t mode = kDefaultMode;

  friend bool operator==(const UnixPath&, const UnixPath&) = default;
};

// systemd's socket activation (sd_listen_fds(3)).
struct PassedSocket {
  std::string name;  // FileDescriptorName=; empty: whatever nobody else asks for

  friend bool operator==(const PassedSocket&, const PassedSocket&) = default;
};

struct ListenAddress {
  std::variant<SocketAddress, UnixPath, PassedSocket> place;
  bool proxy_protocol = false;  // a trusted proxy says first whom it speaks for (proxy_header.h)
  bool tls = false;             // with the certificates that are configured

  // "127.0.0.1:8000", "unix:/run/gateway.sock?mode=0660", "systemd", "systemd:NAME"; each may end with
  // "?proxy_protocol", "?tls" or "?proxy_protocol&tls". The error says what is wrong with the text, without
  // the text.
  static Result<ListenAddress> parse(std::string_view text);
  std::string text() const;

  const SocketAddress* ip() const { return std::get_if<SocketAddress>(&place); }
  // Whether both can't be had at once.
  bool same_place(const ListenAddress& other) const;

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// Those of IP.
std::vector<SocketAddress> ip_addresses(const std::vector<ListenAddress>& addresses);

}  // namespace gw
