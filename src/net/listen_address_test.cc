#include "net/listen_address.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

std::string read(std::string_view text) {
  const Result<ListenAddress> address = ListenAddress::parse(text);
  return address ? address->text() : address.error().detail;
}

TEST(ListenAddress, ReadsBackWhatItWrites) {
  for (const char* text :
       {"127.0.0.1:8000", "[::]:80", "0.0.0.0:8000?proxy_protocol", "unix:/run/ws.sock",
        "unix:/run/ws.sock?mode=0600", "unix:/run/ws.sock?mode=0666&proxy_protocol", "systemd", "systemd:ws",
        "systemd:gateway.socket?proxy_protocol", "127.0.0.1:8443?tls", "systemd?proxy_protocol&tls"})
    EXPECT_EQ(read(text), text);
}

TEST(ListenAddress, OneTextForOneAddress) {
  EXPECT_EQ(read("unix:/run/ws.sock?mode=660"), "unix:/run/ws.sock");
  EXPECT_EQ(read("unix:/run/ws.sock?proxy_protocol&mode=0"), "unix:/run/ws.sock?mode=00&proxy_protocol");
  EXPECT_EQ(read("localhost:1"), "127.0.0.1:1");
}

TEST(ListenAddress, SaysWhatIsWrong) {
  for (const char* text : {"", "8000", "example.org:80", "tcp:127.0.0.1:80", "systemdx", "Unix:/x"})
    EXPECT_TRUE(read(text).starts_with("expected HOST:PORT")) << text;
  for (const char* text : {"unix:", "unix:x", "unix:@x", "unix:/", "unix:/run/", "unix:/a b", "unix://"})
    EXPECT_TRUE(read(text).starts_with("expected an absolute path")) << text;
  for (const char* text : {"systemd:", "systemd:a:b", "systemd:a b"})
    EXPECT_TRUE(read(text).starts_with("expected the FileDescriptorName")) << text;
  for (const char* text : {"unix:/x?mode=8", "unix:/x?mode=", "unix:/x?mode=1777", "unix:/x?mode=rw"})
    EXPECT_TRUE(read(text).starts_with("expected a mode")) << text;
  for (const char* text :
       {"127.0.0.1:1?mode=0600", "127.0.0.1:1?", "unix:/x?", "unix:/x?proxy", "systemd?mode=0600"})
    EXPECT_TRUE(read(text).starts_with("expected tls or proxy_protocol")) << text;
}

TEST(ListenAddress, APathHasToFit) {
  const std::string fits = "unix:/" + std::string(106, 'a');
  EXPECT_EQ(read(fits), fits);
  EXPECT_EQ(read(fits + "b"), "has 108 bytes; the path of a Unix socket has at most 107");
}

TEST(ListenAddress, KnowsWhatCantBeHadTwice) {
  const auto same = [](const char* a, const char* b) {
    return ListenAddress::parse(a)->same_place(*ListenAddress::parse(b));
  };
  EXPECT_TRUE(same("127.0.0.1:1", "127.0.0.1:1?proxy_protocol"));
  EXPECT_TRUE(same("unix:/x", "unix:/x?mode=0600"));
  EXPECT_TRUE(same("systemd", "systemd?proxy_protocol"));
  EXPECT_FALSE(same("127.0.0.1:0", "127.0.0.1:0"));
  EXPECT_FALSE(same("unix:/x", "unix:/y"));
  EXPECT_FALSE(same("systemd", "systemd:ws"));
}

}  // namespace
}  // namespace gw
