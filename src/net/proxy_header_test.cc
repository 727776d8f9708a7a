#include "net/proxy_header.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace gw {
namespace {

using namespace std::string_literals;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string number(size_t value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string v2(char command, char family, const std::string& rest) {
  return std::string(kSignature) + command + family + number(rest.size()) + rest;
}

const std::string kV4Ends =
    "\xcb\x00\x71\x09\xc0\x00\x02\x01\x13\x88\x01\xbb"s;  // 203.0.113.9:5000, 192.0.2.1:443

std::string tlv(char type, const std::string& value) { return type + number(value.size()) + value; }

// "source>destination", "local" when its own ends count, "more", or what is wrong.
std::string read(std::string_view bytes) {
  const ParsedProxyHeader parsed = parse_proxy_header(bytes);
  if (std::holds_alternative<ProxyHeaderIncomplete>(parsed)) return "more";
  if (const auto* malformed = std::get_if<ProxyHeaderMalformed>(&parsed)) return malformed->why;
  const auto& header = std::get<ProxyHeader>(parsed);
  const std::string rest(bytes.substr(header.bytes));
  if (!header.ends) return "local" + rest;
  return header.ends->source.text() + ">" + header.ends->destination.text() + rest;
}

TEST(ProxyHeader, ALineSaysBothEnds) {
  EXPECT_EQ(read("PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\r\nGET /"),
            "203.0.113.9:5000>192.0.2.1:443GET /");
  EXPECT_EQ(read("PROXY TCP6 2001:db8::9 ::1 65535 0\r\n"), "[2001:db8::9]:65535>[::1]:0");
  const std::string longest =
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe "
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  EXPECT_EQ(longest.size(), 104u);
  EXPECT_NE(read(longest).find(">"), std::string::npos);
}

TEST(ProxyHeader, ALineThatDoesNotKnow) {
  EXPECT_EQ(read("PROXY UNKNOWN\r\nx"), "localx");
  EXPECT_EQ(read("PROXY UNKNOWN ffff::1 what ever 1 2\r\n"), "local");
}

TEST(ProxyHeader, ALineThatIsNone) {
  for (const std::string line :
       {"TCP4 203.0.113.9 192.0.2.1 5000", "TCP4 203.0.113.9 192.0.2.1 5000 443 1",
        "TCP4  203.0.113.9 192.0.2.1 5000 443", "TCP4 203.0.113.9 192.0.2.1 05000 443",
        "TCP4 203.0.113.9 192.0.2.1 65536 443", "TCP4 203.0.113.9 192.0.2.1 -1 443",
        "TCP4 203.0.113.09 192.0.2.1 5000 443", "TCP4 203.0.113 192.0.2.1 5000 443", "TCP4 ::1 ::1 5000 443",
        "TCP6 203.0.113.9 192.0.2.1 5000 443", "TCP6 ff00:: ::1 5000 443",
        "TCP5 203.0.113.9 192.0.2.1 5000 443", "TCP4 203.0.113.9 192.0.2.1 5000 443 ",
        "TCP4 unix unix 5000 443", "tcp4 203.0.113.9 192.0.2.1 5000 443", ""}) {
    const ParsedProxyHeader parsed = parse_proxy_header("PROXY " + line + "\r\n");
    EXPECT_TRUE(std::holds_alternative<ProxyHeaderMalformed>(parsed)) << line;
  }
  EXPECT_EQ(read("PROXY UNKNOWN " + std::string(100, 'x')), "a line without an end");
  EXPECT_EQ(read("PROXY UNKNOWN" + std::string(92, 'x') + "\r\n"), "neither TCP4, TCP6 nor UNKNOWN");
}

TEST(ProxyHeader, BinarySaysBothEnds) {
  EXPECT_EQ(read(v2(0x21, 0x11, kV4Ends) + "GET /"), "203.0.113.9:5000>192.0.2.1:443GET /");
  const std::string v6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x09" + std::string(15, '\0') +
                         "\x01" + "\x13\x88\x01\xbb"s;
  EXPECT_EQ(read(v2(0x21, 0x21, v6)), "[2001:db8::9]:5000>[::1]:443");
}

TEST(ProxyHeader, BinaryThatKeepsTheConnectionsOwnEnds) {
  EXPECT_EQ(read(v2(0x20, 0x00, "") + "x"), "localx");
  EXPECT_EQ(read(v2(0x20, '\xff', "anything")), "local");           // LOCAL: all of it is ignored
  EXPECT_EQ(read(v2(0x21, 0x00, "\x01\x02\x03")), "local");         // of no family
  EXPECT_EQ(read(v2(0x21, 0x12, kV4Ends)), "local");                // UDP
  EXPECT_EQ(read(v2(0x21, 0x31, std::string(216, 'p'))), "local");  // a Unix socket
}

TEST(ProxyHeader, BinaryThatIsNone) {
  for (const std::string& bytes :
       {v2(0x22, 0x11, kV4Ends), v2(0x11, 0x11, kV4Ends), v2(0x31, 0x11, kV4Ends), v2(0x21, 0x13, kV4Ends),
        v2(0x21, 0x41, kV4Ends), v2(0x21, 0x11, kV4Ends.substr(1)), v2(0x21, 0x21, kV4Ends),
        v2(0x21, 0x31, kV4Ends)}) {
    EXPECT_TRUE(std::holds_alternative<ProxyHeaderMalformed>(parse_proxy_header(bytes)));
  }
  const std::string marker = "\xff"s + std::string(35, '\0');
  EXPECT_EQ(read(v2(0x21, 0x21, marker)), "an address that no machine has");
}

TEST(ProxyHeader, ExtensionsArePassedOver) {
  const std::string extensions = tlv(0x01, "h2") + tlv(0x04, "") + tlv('\xea', "vpce-08d2bf15fac5001c9");
  EXPECT_EQ(read(v2(0x21, 0x11, kV4Ends + extensions) + "x"), "203.0.113.9:5000>192.0.2.1:443x");
  EXPECT_EQ(read(v2(0x21, 0x11, kV4Ends + "\x01\x00"s)), "an extension without a length");
  EXPECT_EQ(read(v2(0x21, 0x11, kV4Ends + "\x01\x00\x02h"s)), "an extension that is longer than the header");
}

TEST(ProxyHeader, IsOfABoundedLength) {
  const size_t room = kProxyHeaderBytesMax - 16 - kV4Ends.size() - 3;
  EXPECT_EQ(read(v2(0x21, 0x11, kV4Ends + tlv(0x04, std::string(room, 'x')))),
            "203.0.113.9:5000>192.0.2.1:443");
  // Known before any of it has come.
  const std::string longer = v2(0x21, 0x11, kV4Ends + tlv(0x04, std::string(room + 1, 'x')));
  EXPECT_EQ(read(longer.substr(0, 16)), "longer than 536 bytes");
  EXPECT_EQ(read(v2(0x20, 0x00, std::string(600, 'x'))), "longer than 536 bytes");
}

TEST(ProxyHeader, AChecksumHasToBeRight) {
  const std::string before = kV4Ends + tlv(0x04, "pad");
  const uint32_t sum = 0xc78124af;
  std::string header = v2(0x21, 0x11, before + tlv(0x03, number(sum >> 16) + number(sum & 0xffff)));
  EXPECT_EQ(read(header), "203.0.113.9:5000>192.0.2.1:443");
  header[20] ^= 1;
  EXPECT_EQ(read(header), "its checksum is wrong");
  EXPECT_EQ(read(v2(0x21, 0x11, kV4Ends + tlv(0x03, "abc"))), "a checksum that is none");
}

TEST(ProxyHeader, ComesInAnyPieces) {
  const std::string texts[] = {"PROXY TCP4 203.0.113.9 192.0.2.1 5000 443\r\n", "PROXY UNKNOWN\r\n",
                               v2(0x21, 0x11, kV4Ends + tlv(0x04, std::string(100, '\n'))),
                               v2(0x20, 0x00, "")};
  std::mt19937 random(7);
  for (const std::string& text : texts) {
    for (size_t size = 0; size < text.size(); ++size) EXPECT_EQ(read(text.substr(0, size)), "more") << size;
    const std::string whole = read(text);
    for (int round = 0; round < 50; ++round) {
      std::string rest(random() % 64, '\0');
      for (char& c : rest) c = static_cast<char>(random());
      EXPECT_EQ(read(text + rest), whole + rest);
    }
  }
}

TEST(ProxyHeader, WhatElseComesFirstIsNone) {
  for (const char* bytes :
       {"G", "GET / HTTP/1.1\r\n", "PROXI", "PROXY\t", "\r\n\r\n\r", "\r\nG", "\x16\x03\x01"})
    EXPECT_EQ(read(bytes), "no PROXY header comes first") << bytes;
}

TEST(ProxyHeader, ShowsItselfWhereNoneShouldCome) {
  using enum ProxyHeaderSign;
  for (const char* bytes : {"GET / HTTP/1.1", "POST", "PRO ", "PROXY / HTTP/1.1", "\r\nGET", "PROXY TCP5 "})
    EXPECT_EQ(proxy_header_sign(bytes), none) << bytes;
  for (const char* bytes : {"", "P", "PROXY ", "PROXY TCP4", "\r\n", "\r\n\r\n"})
    EXPECT_EQ(proxy_header_sign(bytes), possible) << bytes;
  for (const std::string& bytes :
       {"PROXY TCP4 x"s, "PROXY UNKNOWN"s, "PROXY TCP6 "s, std::string(kSignature)})
    EXPECT_EQ(proxy_header_sign(bytes), certain) << bytes;
}

}  // namespace
}  // namespace gw
