#include "net/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace gw {
namespace {

using Malformed = ProxyHeaderMalformed;
using Incomplete = ProxyHeaderIncomplete;

// --- Version 1: a line of text

constexpr std::string_view kTextStart = "PROXY ";
constexpr size_t kTextBytesMax = 107;  // CR LF included

// The next word, where exactly one blank separates them.
std::string_view take_word(std::string_view& rest) {
  const size_t blank = rest.find(' ');
  const std::string_view word = rest.substr(0, blank);
  rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
  return word;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size();
  if (!is_whole || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return port;
}

std::optional<IpAddress> parse_address(std::string_view text, bool is_v6) {
  if (is_v6 != (text.find(':') != std::string_view::npos)) return std::nullopt;
  return IpAddress::parse(text);
}

ParsedProxyHeader parse_text_line(std::string_view line, size_t bytes) {
  line.remove_prefix(kTextStart.size());
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return ProxyHeader{std::nullopt, bytes};
  if (family != "TCP4" && family != "TCP6") return Malformed{"neither TCP4, TCP6 nor UNKNOWN"};
  const bool is_v6 = family == "TCP6";
  const auto source = parse_address(take_word(line), is_v6);
  const auto destination = parse_address(take_word(line), is_v6);
  if (!source || !destination) return Malformed{"no address of the family that it names"};
  const auto source_port = parse_port(take_word(line));
  const bool ends_here = line.find(' ') == std::string_view::npos;
  const auto destination_port = parse_port(line);
  if (!source_port || !destination_port || !ends_here) return Malformed{"no two ports at its end"};
  return ProxyHeader{ProxiedEnds{{*source, *source_port}, {*destination, *destination_port}}, bytes};
}

ParsedProxyHeader parse_text(std::string_view bytes) {
  const size_t end = bytes.substr(0, kTextBytesMax).find("\r\n");
  if (end != std::string_view::npos) return parse_text_line(bytes.substr(0, end), end + 2);
  if (bytes.size() >= kTextBytesMax) return Malformed{"a line without an end"};
  return Incomplete{};
}

// --- Version 2: binary

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kFixedBytes = 16;  // signature, version and command, family and transport, length

enum class Family : uint8_t { unspecified, inet, inet6, local };
enum class Transport : uint8_t { unspecified, stream, datagram };

uint8_t byte_at(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

uint16_t number_at(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

IpAddress v4_at(std::string_view bytes, size_t at) {
  IpAddress address;
  address.bytes[10] = address.bytes[11] = 0xff;
  std::memcpy(address.bytes.data() + 12, bytes.data() + at, 4);
  return address;
}

IpAddress v6_at(std::string_view bytes, size_t at) {
  IpAddress address;
  std::memcpy(address.bytes.data(), bytes.data() + at, address.bytes.size());
  return address;
}

// CRC32C (RFC 3720, B.4). One header a connection: no table is worth its lines.
uint32_t add_to_crc32c(uint32_t crc, uint8_t byte) {
  crc ^= byte;
  for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  return crc;
}

// Of all the header, in which the sum itself counts as zeros.
uint32_t checksum(std::string_view header, size_t sum_at) {
  uint32_t crc = ~uint32_t{0};
  for (size_t i = 0; i < header.size(); ++i) {
    const bool is_sum = i >= sum_at && i < sum_at + 4;
    crc = add_to_crc32c(crc, is_sum ? uint8_t{0} : byte_at(header, i));
  }
  return ~crc;
}

// Type, length, value, from `at` to the header's end. Null: nothing is wrong with them.
const char* fault_of_extensions(std::string_view header, size_t at) {
  constexpr uint8_t kChecksum = 0x03;
  while (at < header.size()) {
    if (header.size() - at < 3) return "an extension without a length";
    const size_t length = number_at(header, at + 1);
    const size_t value = at + 3;
    if (header.size() - value < length) return "an extension that is longer than the header";
    if (byte_at(header, at) == kChecksum) {
      if (length != 4) return "a checksum that is none";
      const uint32_t sum = uint32_t{number_at(header, value)} << 16 | number_at(header, value + 2);
      if (sum != checksum(header, value)) return "its checksum is wrong";
    }
    at = value + length;
  }
  return nullptr;
}

size_t address_bytes(Family family) {
  switch (family) {
    case Family::unspecified: return 0;
    case Family::inet: return 12;
    case Family::inet6: return 36;
    case Family::local: return 216;
  }
  return 0;
}

// Both addresses, then both ports.
ProxiedEnds ends_at(std::string_view header, Family family) {
  constexpr size_t at = kFixedBytes;
  if (family == Family::inet)
    return {{v4_at(header, at), number_at(header, at + 8)},
            {v4_at(header, at + 4), number_at(header, at + 10)}};
  return {{v6_at(header, at), number_at(header, at + 32)},
          {v6_at(header, at + 16), number_at(header, at + 34)}};
}

ParsedProxyHeader parse_proxied(std::string_view header) {
  const uint8_t kind = byte_at(header, 13);
  if (kind >> 4 > static_cast<uint8_t>(Family::local) ||
      (kind & 15) > static_cast<uint8_t>(Transport::datagram))
    return Malformed{"of no known family or transport"};
  const auto family = static_cast<Family>(kind >> 4);
  const auto transport = static_cast<Transport>(kind & 15);
  // Without a family nobody can say where its extensions begin.
  if (family == Family::unspecified) return ProxyHeader{std::nullopt, header.size()};
  const size_t extensions = kFixedBytes + address_bytes(family);
  if (header.size() < extensions) return Malformed{"too short for its addresses"};
  if (const char* fault = fault_of_extensions(header, extensions)) return Malformed{fault};
  if (family == Family::local || transport != Transport::stream)
    return ProxyHeader{std::nullopt, header.size()};
  const ProxiedEnds ends = ends_at(header, family);
  // That would stand for somebody else (IpAddress::of_unix_socket).
  if (ends.source.ip.is_unix_socket() || ends.destination.ip.is_unix_socket())
    return Malformed{"an address that no machine has"};
  return ProxyHeader{ends, header.size()};
}

ParsedProxyHeader parse_binary(std::string_view bytes) {
  constexpr uint8_t kLocal = 0x20;
  constexpr uint8_t kProxied = 0x21;
  if (bytes.size() < kFixedBytes) return Incomplete{};
  const uint8_t command = byte_at(bytes, 12);
  if (command != kLocal && command != kProxied) return Malformed{"of no known version or command"};
  const size_t size = kFixedBytes + number_at(bytes, 14);
  if (size > kProxyHeaderBytesMax) return Malformed{"longer than 536 bytes"};
  if (bytes.size() < size) return Incomplete{};
  // What LOCAL carries besides is to be ignored, its family included.
  if (command == kLocal) return ProxyHeader{std::nullopt, size};
  return parse_proxied(bytes.substr(0, size));
}

// Both begin alike, as far as the shorter goes.
bool agrees(std::string_view bytes, std::string_view start) {
  const size_t common = std::min(bytes.size(), start.size());
  return bytes.substr(0, common) == start.substr(0, common);
}

}  // namespace

ParsedProxyHeader parse_proxy_header(std::string_view bytes) {
  for (const std::string_view start : {kTextStart, kSignature}) {
    if (!agrees(bytes, start)) continue;
    if (bytes.size() < start.size()) return Incomplete{};
    return start == kTextStart ? parse_text(bytes) : parse_binary(bytes);
  }
  return Malformed{"no PROXY header comes first"};
}

ProxyHeaderSign proxy_header_sign(std::string_view bytes) {
  // PROXY might be a method of HTTP; no target of it looks like these.
  static constexpr std::array<std::string_view, 4> kStarts{"PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN",
                                                           kSignature};
  ProxyHeaderSign sign = ProxyHeaderSign::none;
  for (const std::string_view start : kStarts) {
    if (!agrees(bytes, start)) continue;
    if (bytes.size() >= start.size()) return ProxyHeaderSign::certain;
    sign = ProxyHeaderSign::possible;
  }
  return sign;
}

}  // namespace gw
