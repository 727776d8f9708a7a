// IP addresses as values: parsed, compared and printed without a resolver.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw {

// IPv4 is kept in its IPv4-mapped IPv6 form (RFC 4291, 2.5.5.2), so that one comparison serves both:
// 10.0.0.1 and ::ffff:10.0.0.1 are the same address.
struct IpAddress {
  std::array<unsigned char, 16> bytes{};

  // "10.0.0.1" or "::1"; no brackets, no zone, no name.
  static std::optional<IpAddress> parse(std::string_view text);
  // What stands for the other end of a Unix socket, which has no address: one that no machine has (a
  // multicast one), that no text is read as, and whose text is "unix".
  static IpAddress of_unix_socket();
  std::string text() const;
  bool is_v4() const;
  bool is_unix_socket() const { return *this == of_unix_socket(); }
  // 127.0.0.0/8 and ::1.
  bool is_loopback() const;
  // Loopback, or the other end of a Unix socket: who is behind it can't be told by the address.
  bool is_this_machine() const { return is_loopback() || is_unix_socket(); }
  // 0.0.0.0 and ::, which mean every address of the machine.
  bool is_unspecified() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

struct SocketAddress {
  IpAddress ip;
  uint16_t port = 0;

  // "127.0.0.1:8000", "[::1]:8000"; "localhost:8000" is read as 127.0.0.1:8000. Other names are refused.
  // An end of a Unix socket shows as "unix".
  static std::optional<SocketAddress> parse(std::string_view text);
  std::string text() const;

  friend bool operator==(const SocketAddress&, const SocketAddress&) = default;
};

struct IpNetwork {
  IpAddress base;             // host bits are zero
  uint8_t prefix_bits = 128;  // of the 128-bit form: 10.0.0.0/8 has 104

  // "10.0.0.0/8", "fd00::/8", or one address. Host bits that are set are refused: most likely a slip.
  static std::optional<IpNetwork> parse(std::string_view text);
  std::string text() const;
  bool contains(const IpAddress& address) const;

  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;
};

}  // namespace gw
