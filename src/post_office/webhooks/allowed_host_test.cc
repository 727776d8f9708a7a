// Callbacks and the list of hosts: what is one, and which address it may lead to.
#include "post_office/webhooks/allowed_host.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

CallbackUrl url(std::string_view text) { return CallbackUrl::parse(text).value(); }

AllowedHosts hosts(std::initializer_list<const char*> texts) {
  AllowedHosts out;
  for (const char* text : texts) out.push_back(AllowedHost::parse(text).value());
  return out;
}

bool leads(const AllowedHosts& hosts, std::string_view callback, std::string_view address) {
  return may_lead_to(hosts, url(callback), IpAddress::parse(address).value());
}

TEST(CallbackUrl, IsTakenApart) {
  const CallbackUrl plain = url("http://Hooks.Example.ORG");
  EXPECT_FALSE(plain.tls);
  EXPECT_EQ(plain.host, "hooks.example.org");
  EXPECT_EQ(plain.port, 80);
  EXPECT_EQ(plain.target, "/");
  EXPECT_EQ(plain.host_field, "hooks.example.org");
  const CallbackUrl full = url("https://[2001:DB8::1]:8443/a/b?c=d");
  EXPECT_TRUE(full.tls);
  EXPECT_EQ(full.host, "2001:db8::1");
  EXPECT_EQ(full.port, 8443);
  EXPECT_EQ(full.target, "/a/b?c=d");
  EXPECT_EQ(full.host_field, "[2001:db8::1]:8443");
  EXPECT_EQ(url("https://a?b").target, "/?b");
  EXPECT_EQ(url("https://a:443/").host_field, "a");
  EXPECT_EQ(url("http://[::ffff:10.0.0.1]/").host, "10.0.0.1");
}

TEST(CallbackUrl, RefusesWhatReadersTakeDifferently) {
  for (const char* text : {"",
                           "http://",
                           "https:///x",
                           "ftp://a/",
                           "HTTP://a/",
                           "//a/",
                           "a",
                           "http://a b/",
                           "http://a\t/",
                           "http://a\r\nX: y/",
                           "http://a/\xC3\xA9",
                           "http://u@a/",
                           "http://u:p@a/",
                           "http://a#b",
                           "http://a/#b",
                           "http://a\\@b/",
                           "http://a/\\b",
                           "http://a:/",
                           "http://a:0/",
                           "http://a:65536/",
                           "http://a:80:80/",
                           "http://a:8x/",
                           "http://[::1/",
                           "http://[::1]x/",
                           "http://[]/",
                           "http://[a]/",
                           "http://[10.0.0.1]/",
                           "http://.a/",
                           "http://a./",
                           "http://a..b/",
                           "http://-a/",
                           "http://a-/",
                           "http://a%2eb/",
                           "http://127.1/",
                           "http://2130706433/",
                           "http://0x7f.0.0.1/",
                           "http://0x7f000001/",
                           "http://0177.0.0.1/",
                           "http://1.2.3.256/",
                           "http://127.0.0.1.5/"})
    EXPECT_FALSE(CallbackUrl::parse(text)) << text;
  EXPECT_FALSE(CallbackUrl::parse("http://a/" + std::string(CallbackUrl::kBytesMax, 'a')));
  EXPECT_FALSE(CallbackUrl::parse("http://" + std::string(64, 'a') + "/"));
}

TEST(AllowedHost, ShowsAsItIsRead) {
  for (const char* text : {"a", "a.b", "a:8080", "*.a.b", "*.a:1", "a=10.0.0.0/8", "a:5=fd00::/8", "10.0.0.5",
                           "[fd00::5]", "[fd00::5]:80", "10.0.0.5:80"})
    EXPECT_EQ(AllowedHost::parse(text).value().text(), text);
  EXPECT_EQ(AllowedHost::parse("A.B").value().text(), "a.b");
}

TEST(AllowedHost, ANameLeadsToTheInternetAlone) {
  const AllowedHosts list = hosts({"a.example"});
  EXPECT_TRUE(leads(list, "http://a.example/", "1.1.1.1"));
  EXPECT_TRUE(leads(list, "http://a.example:99/", "2606:4700::1"));
  for (const char* address : {"127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"})
    EXPECT_FALSE(leads(list, "http://a.example/", address)) << address;
  EXPECT_FALSE(is_named(list, url("http://b.example/")));
  EXPECT_FALSE(is_named(list, url("http://x.a.example/")));
  EXPECT_FALSE(leads(list, "http://b.example/", "1.1.1.1"));
}

TEST(AllowedHost, ANetworkThatIsNamedIsInside) {
  const AllowedHosts list = hosts({"a=10.0.0.0/8", "a=192.168.0.0/16", "b"});
  EXPECT_TRUE(leads(list, "http://a/", "10.9.9.9"));
  EXPECT_TRUE(leads(list, "http://a/", "192.168.1.1"));
  EXPECT_FALSE(leads(list, "http://a/", "127.0.0.1"));
  EXPECT_TRUE(leads(list, "http://a/", "1.1.1.1"));
  EXPECT_FALSE(leads(list, "http://b/", "10.9.9.9"));
}

TEST(AllowedHost, AnAddressStandsForItself) {
  const AllowedHosts list = hosts({"10.0.0.5", "[fd00::5]:80"});
  EXPECT_TRUE(leads(list, "http://10.0.0.5/", "10.0.0.5"));
  EXPECT_TRUE(leads(list, "http://[::ffff:10.0.0.5]:81/", "10.0.0.5"));
  EXPECT_FALSE(leads(list, "http://10.0.0.5/", "10.0.0.6"));
  EXPECT_TRUE(leads(list, "http://[fd00::5]/", "fd00::5"));
  EXPECT_FALSE(is_named(list, url("https://[fd00::5]/")));
}

TEST(AllowedHost, AnAsteriskIsOneLabel) {
  const AllowedHosts list = hosts({"*.a.example"});
  EXPECT_TRUE(is_named(list, url("http://x.a.example/")));
  for (const char* text : {"http://a.example/", "http://x.y.a.example/", "http://xa.example/"})
    EXPECT_FALSE(is_named(list, url(text))) << text;
}

}  // namespace
}  // namespace gw
