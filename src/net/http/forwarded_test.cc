#include "net/http/forwarded.h"

#include <gtest/gtest.h>

#include <vector>

namespace gw::http {
namespace {

using Fields = std::vector<HttpField>;

const std::vector<IpNetwork> kTrusted{*IpNetwork::parse("10.0.0.0/8"), *IpNetwork::parse("fd00::/8")};

struct Seen {
  std::string address, scheme, host;
  friend bool operator==(const Seen&, const Seen&) = default;
};
std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << seen.address << ' ' << seen.scheme << ' ' << seen.host;
}

Seen seen(const char* peer, Fields fields) {
  fields.push_back({"Host", "inner:8000"});
  const Requester requester = requester_of(*IpAddress::parse(peer), fields, kTrusted);
  return {requester.address.text(), std::string(requester.scheme), std::string(requester.host)};
}

TEST(Forwarded, AStrangerIsNotBelieved) {
  const Fields lies{{"X-Forwarded-For", "192.0.2.1"},
                    {"X-Forwarded-Proto", "https"},
                    {"X-Forwarded-Host", "evil.example"},
                    {"Forwarded", "for=192.0.2.1;proto=https;host=evil.example"}};
  EXPECT_EQ(seen("203.0.113.9", lies), (Seen{"203.0.113.9", "http", "inner:8000"}));
}

TEST(Forwarded, ATrustedProxySpeaksForTheClient) {
  EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", "203.0.113.9"},
                              {"X-Forwarded-Proto", "https"},
                              {"X-Forwarded-Host", "chat.example"}}),
            (Seen{"203.0.113.9", "https", "chat.example"}));
  EXPECT_EQ(
      seen("fd00::1", {{"Forwarded", "for=\"[2001:db8::9]:4711\";proto=https;host=\"chat.example:8443\""}}),
      (Seen{"2001:db8::9", "https", "chat.example:8443"}));
}

TEST(Forwarded, OnlyWhatTrustedProxiesAppendedCounts) {
  // The client put 192.0.2.1 there; two proxies of ours appended the rest.
  EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", "192.0.2.1, 203.0.113.9, 10.1.1.1"}}).address,
            "203.0.113.9");
  EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "203.0.113.9"}}).address,
            "203.0.113.9");
  EXPECT_EQ(seen("10.0.0.1", {{"Forwarded", "for=192.0.2.1, for=203.0.113.9;by=10.0.0.1"}}).address,
            "203.0.113.9");
}

TEST(Forwarded, InsideAllTheWayIsTheFarthestProxy) {
  EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", "10.3.3.3, 10.2.2.2"}}).address, "10.3.3.3");
}

TEST(Forwarded, BehindWhatCannotBeReadNothingIsKnown) {
  for (const char* node : {"unknown", "_hidden", "", "1.2.3", "[::1", "203.0.113.9:80:80"}) {
    EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", node}}).address, "10.0.0.1") << node;
  }
  EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", "192.0.2.1, unknown, 10.2.2.2"}}).address, "10.2.2.2");
}

TEST(Forwarded, AddressesWithPortsAndBrackets) {
  EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", "203.0.113.9:5000"}}).address, "203.0.113.9");
  EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", "[2001:db8::1]:5000"}}).address, "2001:db8::1");
  EXPECT_EQ(seen("10.0.0.1", {{"X-Forwarded-For", "2001:db8::1"}}).address, "2001:db8::1");
}

TEST(Forwarded, OneFamilyOfFieldsIsReadNeverBoth) {
  EXPECT_EQ(seen("10.0.0.1",
                 {{"Forwarded", "for=192.0.2.1;host=evil.example"}, {"X-Forwarded-For", "203.0.113.9"}}),
            (Seen{"203.0.113.9", "http", "inner:8000"}));
}

TEST(Forwarded, StrangeSchemesAndHostsAreIgnored) {
  const auto of = [](const char* proto, const char* host) {
    const Seen result = seen("10.0.0.1", {{"X-Forwarded-Proto", proto}, {"X-Forwarded-Host", host}});
    return result.scheme + " " + result.host;
  };
  EXPECT_EQ(of("wss", "chat.example"), "https chat.example");
  EXPECT_EQ(of("javascript", "a/b"), "http inner:8000");
  EXPECT_EQ(of("", "a\"b"), "http inner:8000");
  EXPECT_EQ(of("http, https", "first.example, last.example"), "https last.example");
}

TEST(WrongHost, LoopbackNamesAreKnown) {
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8000", "127.9.9.9"}) {
    EXPECT_TRUE(is_loopback_host(host)) << host;
  }
  for (const char* host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1",
                           "[::2]", "[::1", "0.0.0.0", "localhost@evil.example"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
}

TEST(WrongHost, OnlyALoopbackNameWillDoOnLoopback) {
  const SocketAddress inner = *SocketAddress::parse("127.0.0.1:8000");
  const SocketAddress outer = *SocketAddress::parse("192.0.2.1:8000");
  EXPECT_TRUE(is_wrong_host(inner.ip, "evil.example:8000", inner, inner));
  EXPECT_FALSE(is_wrong_host(inner.ip, "localhost:8000", inner, inner));
  EXPECT_FALSE(is_wrong_host(outer.ip, "evil.example", outer, outer));
  EXPECT_FALSE(is_wrong_host(outer.ip, "chat.example", inner, inner));  // a proxy that is trusted
}

TEST(Forwarded, ATrustedProxyNamesThePort) {
  const auto host = [](const char* proto, const char* name, const char* port) {
    return seen("10.0.0.1",
                {{"X-Forwarded-Proto", proto}, {"X-Forwarded-Host", name}, {"X-Forwarded-Port", port}})
        .host;
  };
  EXPECT_EQ(host("https", "chat.example", "8443"), "chat.example:8443");
  EXPECT_EQ(host("https", "[fd00::1]", "8443"), "[fd00::1]:8443");
  EXPECT_EQ(host("https", "chat.example", "443"), "chat.example");
  EXPECT_EQ(host("http", "chat.example", "80"), "chat.example");
  EXPECT_EQ(host("https", "chat.example:9000", "8443"), "chat.example:9000");
  for (const char* bad : {"", "0", "65536", "x", "80x", "-1"})
    EXPECT_EQ(host("https", "chat.example", bad), "chat.example") << bad;
  EXPECT_EQ(seen("203.0.113.9", {{"X-Forwarded-Port", "8443"}}).host, "inner:8000");
}

}  // namespace
}  // namespace gw::http
