#include "base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gw {
namespace {

constexpr std::array<unsigned char, 12> kV4Mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint8_t kV4PrefixBits = 96;

// Decimal digits only, without leading zeros; at most `max`.
std::optional<unsigned> parse_number(std::string_view text, unsigned max) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

// `address` with all but its first `bits` bits cleared.
IpAddress masked(const IpAddress& address, uint8_t bits) {
  IpAddress out;
  const size_t whole = bits / 8u;
  std::copy_n(address.bytes.begin(), whole, out.bytes.begin());
  if (bits % 8u != 0) {
    out.bytes[whole] = static_cast<unsigned char>(address.bytes[whole] & (0xffu << (8 - bits % 8u)));
  }
  return out;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  IpAddress out;
  if (inet_pton(AF_INET6, terminated.c_str(), out.bytes.data()) == 1)
    return out.is_unix_socket() ? std::nullopt : std::optional(out);
  std::copy(kV4Mapped.begin(), kV4Mapped.end(), out.bytes.begin());
  if (inet_pton(AF_INET, terminated.c_str(), out.bytes.data() + kV4Mapped.size()) == 1) return out;
  return std::nullopt;
}

IpAddress IpAddress::of_unix_socket() {
  IpAddress address;
  address.bytes[0] = 0xff;  // ff00::, which RFC 4291 (2.7.1) reserves and never assigns
  return address;
}

std::string IpAddress::text() const {
  if (is_unix_socket()) return "unix";
  char out[INET6_ADDRSTRLEN];
  const bool v4 = is_v4();
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? kV4Mapped.size() : 0), out, sizeof(out));
  return out;
}

bool IpAddress::is_v4() const { return std::equal(kV4Mapped.begin(), kV4Mapped.end(), bytes.begin()); }

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  IpAddress one;
  one.bytes[15] = 1;
  return *this == one;
}

bool IpAddress::is_unspecified() const {
  const auto from = bytes.begin() + (is_v4() ? 12 : 0);
  return std::all_of(from, bytes.end(), [](unsigned char b) { return b == 0; });
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::optional<unsigned> port = parse_number(text.substr(colon + 1), 65535);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  const std::optional<IpAddress> ip = IpAddress::parse(host);
  // Only brackets tell where an IPv6 address ends and its port begins.
  if (!port || !ip || bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  return SocketAddress{*ip, static_cast<uint16_t>(*port)};
}

std::string SocketAddress::text() const {
  if (ip.is_unix_socket()) return ip.text();
  const std::string host = ip.text();
  return (ip.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const std::optional<IpAddress> base = IpAddress::parse(host);
  if (!base) return std::nullopt;
  if (slash == std::string_view::npos) return IpNetwork{*base, 128};
  const bool v6_form = host.find(':') != std::string_view::npos;
  const std::optional<unsigned> bits = parse_number(text.substr(slash + 1), v6_form ? 128 : 32);
  if (!bits) return std::nullopt;
  const uint8_t prefix_bits = static_cast<uint8_t>(*bits + (v6_form ? 0u : kV4PrefixBits));
  if (masked(*base, prefix_bits) != *base) return std::nullopt;
  return IpNetwork{*base, prefix_bits};
}

std::string IpNetwork::text() const {
  const bool v4 = base.is_v4() && prefix_bits >= kV4PrefixBits;
  return base.text() + "/" + std::to_string(prefix_bits - (v4 ? kV4PrefixBits : 0));
}

bool IpNetwork::contains(const IpAddress& address) const { return masked(address, prefix_bits) == base; }

}  // namespace gw
