#include "base/ip.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

IpAddress ip(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(IpAddress{});
}

TEST(IpAddress, ReadsAndPrintsBothFamilies) {
  for (const char* text :
       {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "fd00::1:2", "2001:db8::"}) {
    EXPECT_EQ(ip(text).text(), text);
  }
  EXPECT_EQ(ip("FD00:0:0::1").text(), "fd00::1");
}

TEST(IpAddress, AMappedAddressIsItsIPv4Address) {
  EXPECT_EQ(ip("::ffff:10.1.2.3"), ip("10.1.2.3"));
  EXPECT_EQ(ip("::ffff:a01:203").text(), "10.1.2.3");
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "localhost", "[::1]",
                           "::1%lo", "::1::", " ::1", "1.2.3.4 "}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpAddress, KnowsLoopbackAndUnspecified) {
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(ip(text).is_loopback()) << text;
  for (const char* text : {"128.0.0.1", "0.0.0.0", "::", "::2", "fe80::1"})
    EXPECT_FALSE(ip(text).is_loopback()) << text;
  for (const char* text : {"0.0.0.0", "::"}) EXPECT_TRUE(ip(text).is_unspecified()) << text;
  for (const char* text : {"0.0.0.1", "::1"}) EXPECT_FALSE(ip(text).is_unspecified()) << text;
}

TEST(IpAddress, TheOtherEndOfAUnixSocketIsNobodysAddress) {
  const IpAddress other_end = IpAddress::of_unix_socket();
  EXPECT_EQ(other_end.text(), "unix");
  EXPECT_EQ((SocketAddress{other_end, 0}).text(), "unix");
  EXPECT_TRUE(other_end.is_unix_socket() && other_end.is_this_machine());
  EXPECT_FALSE(other_end.is_loopback() || other_end.is_unspecified() || other_end.is_v4());
  for (const char* text : {"unix", "ff00::", "ff00:0::0"}) EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_TRUE(IpAddress::parse("ff00::1"));
}

TEST(SocketAddress, ReadsAndPrints) {
  for (const char* text : {"127.0.0.1:8000", "0.0.0.0:0", "[::1]:65535", "[fd00::1]:80"}) {
    const auto parsed = SocketAddress::parse(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->text(), text);
  }
  EXPECT_EQ(SocketAddress::parse("localhost:80"), SocketAddress::parse("127.0.0.1:80"));
}

TEST(SocketAddress, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", ":", "8000", ":8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:+1", "127.0.0.1:080", "127.0.0.1:8000 ", "[127.0.0.1]:80", "[localhost]:80", "::1:80",
        "[::1]", "[]:80", "example.org:80", "127.0.0.1:99999999999"}) {
    EXPECT_FALSE(SocketAddress::parse(text)) << text;
  }
}

TEST(IpNetwork, ContainsItsAddressesAndNoOthers) {
  struct Case {
    const char* network;
    const char* inside;
    const char* outside;
  };
  for (const Case& c :
       {Case{"10.0.0.0/8", "10.255.1.2", "11.0.0.0"}, Case{"192.168.4.0/22", "192.168.7.255", "192.168.8.0"},
        Case{"1.2.3.4", "1.2.3.4", "1.2.3.5"}, Case{"fd00::/8", "fd12::9", "fe00::"},
        Case{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"}, Case{"0.0.0.0/0", "8.8.8.8", "::1"}}) {
    const auto network = IpNetwork::parse(c.network);
    ASSERT_TRUE(network) << c.network;
    EXPECT_TRUE(network->contains(ip(c.inside))) << c.network;
    EXPECT_FALSE(network->contains(ip(c.outside))) << c.network;
    EXPECT_EQ(IpNetwork::parse(network->text()), network);
  }
  EXPECT_TRUE(IpNetwork::parse("::/0")->contains(ip("8.8.8.8")));
  EXPECT_EQ(IpNetwork::parse("10.0.0.0/8")->text(), "10.0.0.0/8");
}

TEST(IpNetwork, RefusesWhatIsNoNetwork) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "fd00::/129",
                           "10.0.0.1/8", "fd00::1/8", "10.0.0.0/8/8", "net/8"}) {
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
  }
}

}  // namespace
}  // namespace gw
