// Addresses by their range, with both ends of each.
#include "base/public_address.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

bool is_public(const char* text) { return gw::is_public(IpAddress::parse(text).value()); }

TEST(PublicAddress, TheInternetIs) {
  for (const char* text : {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
                           "126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255",
                           "192.169.0.0", "223.255.255.255", "2001:200::1", "2606:4700::1111", "2a00::1"})
    EXPECT_TRUE(is_public(text)) << text;
}

TEST(PublicAddress, NothingOfSomebodysOwnIs) {
  for (const char* text :
       {"0.0.0.0",         "0.255.255.255",   "10.0.0.0",       "10.255.255.255",  "100.64.0.0",
        "100.100.100.200", "100.127.255.255", "127.0.0.1",      "127.255.255.255", "169.254.0.0",
        "169.254.169.254", "172.16.0.0",      "172.31.255.255", "192.0.0.8",       "192.0.2.1",
        "192.168.0.0",     "192.168.255.255", "198.18.0.1",     "198.19.255.255",  "203.0.113.9",
        "224.0.0.1",       "239.255.255.255", "240.0.0.1",      "255.255.255.255"})
    EXPECT_FALSE(is_public(text)) << text;
  for (const char* text :
       {"::", "::1", "::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
        "2002:a00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1"})
    EXPECT_FALSE(is_public(text)) << text;
}

TEST(PublicAddress, AnIpv4OneIsTheSameInIpv6) {
  EXPECT_FALSE(is_public("::ffff:127.0.0.1"));
  EXPECT_FALSE(is_public("::ffff:169.254.169.254"));
  EXPECT_TRUE(is_public("::ffff:1.1.1.1"));
}

}  // namespace
}  // namespace gw
