#include "gateway/upgrade.h"

#include <gtest/gtest.h>

#include "net/http/origin.h"

namespace gw {
namespace {

const Ends kEnds{*SocketAddress::parse("203.0.113.9:5000"), *SocketAddress::parse("192.0.2.1:8000")};
const Ends kLoopback{*SocketAddress::parse("127.0.0.1:5000"), *SocketAddress::parse("127.0.0.1:8000")};

std::string request(std::string_view target, std::string_view extra = "") {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         std::string(extra) + "\r\n";
}

struct Checked {
  int status;
  Upgrade upgrade;
  std::string response;
};
Checked check(const std::string& bytes, const UpgradeOptions& options = {}, bool ready = true,
              const Ends& ends = kEnds) {
  const http::ParsedHead head = http::parse_head(bytes);
  auto result = check_upgrade(std::get<http::RequestHead>(head), ends, options, ready);
  if (const auto* refusal = std::get_if<http::Response>(&result))
    return {refusal->status, {}, refusal->extra_head + refusal->body};
  return {101, std::get<Upgrade>(result), std::get<Upgrade>(result).response};
}
std::string token(std::string_view target, std::string_view extra = "") {
  return check(request(target, extra)).upgrade.token;
}

TEST(Upgrade, AnswersTheExampleOfTheRfc) {  // RFC 6455 1.3
  const Checked checked = check(request("/ws"));
  EXPECT_EQ(checked.status, 101);
  EXPECT_NE(checked.response.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            std::string::npos);
}

TEST(Upgrade, FindsTheTokenInThreePlacesFirstFoundWins) {
  EXPECT_EQ(token("/ws?session_token=a%2Bb"), "a+b");
  EXPECT_EQ(token("/ws?token=b"), "b");
  EXPECT_EQ(token("/ws?token=b&session_token=a"), "a");
  EXPECT_EQ(token("/ws", "Authorization: Bearer c\r\n"), "c");
  EXPECT_EQ(token("/ws", "Authorization: Basic c\r\n"), "");
  EXPECT_EQ(token("/ws", "Sec-WebSocket-Protocol: gateway.v1, bearer.d\r\n"), "d");
  EXPECT_EQ(token("/ws?session_token=a", "Authorization: Bearer c\r\n"), "a");
  EXPECT_EQ(token("/ws?session_token=", "Authorization: Bearer c\r\n"), "c");
  EXPECT_EQ(token("/ws?session_token=null&token=undefined"), "");
}

TEST(Upgrade, ACookieCountsBesideAnOriginThatMayComeIn) {
  UpgradeOptions options;
  options.cookie = "session";
  options.allowed_origins = {"https://app.example.org", "http://old.example.org"};
  const auto with = [&](const std::string& fields, std::string_view target = "/ws") {
    return check(request(target, fields), options);
  };
  const std::string cookie = "Cookie: a=1; session=c; b=\"2\"\r\n";
  for (const char* origin : {"https://app.example.org", "https://example.com", "http://old.example.org"})
    EXPECT_EQ(with(cookie + "Origin: " + origin + "\r\n").upgrade.token, "c") << origin;
  EXPECT_EQ(with("Cookie: session=\"c\"\r\nOrigin: https://example.com\r\n").upgrade.token, "c");
  // Of http:// whoever is on the way may have written the page.
  for (const char* origin : {"", "Origin: https://evil.example\r\n", "Origin: http://example.com\r\n",
                             "Origin: http://app.example.org\r\n", "Origin: null\r\n"}) {
    EXPECT_EQ(with(cookie + origin).status, 403) << origin;
    EXPECT_EQ(with(cookie + origin).upgrade.token, "") << origin;
  }
  const std::string page = "Origin: https://app.example.org\r\n";
  EXPECT_EQ(with("Cookie: session=c\r\nCookie: session=c\r\n" + page).status, 400);
  EXPECT_EQ(with("Cookie: session=c; session=d\r\n" + page).status, 400);
  for (const char* other : {"Cookie: Session=c\r\n", "Cookie: session\r\n", "Cookie: xsession=c\r\n",
                            "Cookie: =session=c; session=\r\n", "Cookie: ;;\r\n"}) {
    EXPECT_EQ(with(other).status, 101) << other;
    EXPECT_EQ(with(other + page).upgrade.token, "") << other;
  }
  EXPECT_EQ(with("Cookie: session=null\r\n" + page).upgrade.token, "");
  EXPECT_EQ(with(cookie + page, "/ws?session_token=a").upgrade.token, "a");
  EXPECT_EQ(with(cookie, "/ws?session_token=a").upgrade.token, "a");
  EXPECT_EQ(check(request("/ws", cookie + page)).upgrade.token, "");
}

TEST(Upgrade, AnswersTheSubprotocolWithoutTheToken) {
  const Checked checked = check(request("/ws", "Sec-WebSocket-Protocol: bearer.d, gateway.v1\r\n"));
  EXPECT_NE(checked.response.find("Sec-WebSocket-Protocol: gateway.v1\r\n"), std::string::npos);
  EXPECT_EQ(checked.response.find("bearer"), std::string::npos);
}

TEST(Upgrade, RefusesWithTheStatusThatSaysWhy) {
  EXPECT_EQ(check("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n").status, 426);
  EXPECT_EQ(check(request("/ws", "Origin: https://evil.example\r\n")).status, 403);
  EXPECT_EQ(check(request("/ws", "Origin: null\r\n")).status, 403);
  EXPECT_EQ(check(request("/ws?client_id=a%20b")).status, 400);
  EXPECT_EQ(check(request("/ws?session_token=%zz")).status, 400);
  EXPECT_EQ(check(request("/ws?runs=yes")).status, 400);
  const Checked unready = check(request("/ws"), {}, false);
  EXPECT_EQ(unready.status, 503);
  EXPECT_NE(unready.response.find("Retry-After: "), std::string::npos);
}

TEST(Upgrade, FollowsRunsWhenAsked) {
  EXPECT_TRUE(check(request("/ws?runs=1")).upgrade.follows_runs);
  EXPECT_FALSE(check(request("/ws")).upgrade.follows_runs);
}

TEST(Upgrade, TakesTheAbsoluteFormOfItsOwnHost) {  // RFC 9112 3.2.2
  EXPECT_EQ(token("http://example.com/ws?token=a"), "a");
  EXPECT_EQ(token("/ws/?token=a"), "a");
  EXPECT_EQ(check(request("http://other.example/ws")).status, 400);
}

TEST(Upgrade, ContinuesBeforeItSwitches) {  // RFC 9110 7.8
  const Checked checked = check(request("/ws", "Expect: 100-continue\r\n"));
  EXPECT_TRUE(checked.response.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 "));
  EXPECT_EQ(check(request("/ws", "Expect: miracles\r\n")).status, 417);
}

TEST(Upgrade, OnLoopbackANameOfElsewhereNeedsASession) {
  UpgradeOptions options;
  EXPECT_EQ(check(request("/ws"), options, true, kLoopback).status, 101);
  options.anonymous = true;
  EXPECT_EQ(check(request("/ws"), options, true, kEnds).status, 101);
  EXPECT_EQ(check(request("/ws"), options, true, kLoopback).status, 421);
  EXPECT_EQ(check(request("/ws?token=a"), options, true, kLoopback).status, 421);
  options.trusted_proxies = {*IpNetwork::parse("127.0.0.1")};
  EXPECT_EQ(check(request("/ws", "X-Forwarded-For: 203.0.113.9\r\n"), options, true, kLoopback).status, 101);
}

TEST(Upgrade, NegotiatesCompressionOnlyWhenSwitchedOn) {
  const std::string offer = request("/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  EXPECT_FALSE(check(offer).upgrade.deflate);
  UpgradeOptions options;
  options.compression = true;
  EXPECT_TRUE(check(offer, options).upgrade.deflate);
}

TEST(Origin, AllowsTheRequestsOwnHostAndPort) {
  EXPECT_TRUE(http::is_origin_allowed("http://example.com:8000", "example.com:8000", {}));
  EXPECT_TRUE(http::is_origin_allowed("https://Example.com", "example.com", {}));
  EXPECT_TRUE(http::is_origin_allowed("https://example.com", "example.com:443", {}));
  EXPECT_TRUE(http::is_origin_allowed("http://[::1]:8000", "[::1]:8000", {}));
  EXPECT_FALSE(http::is_origin_allowed("http://example.com:8001", "example.com:8000", {}));
  EXPECT_FALSE(http::is_origin_allowed("http://evil.com", "example.com", {}));
  EXPECT_FALSE(http::is_origin_allowed("null", "example.com", {}));
  EXPECT_FALSE(http::is_origin_allowed("", "", {}));
}

TEST(Origin, AllowsWhatIsConfiguredExactly) {
  const std::vector<std::string> allowed{"https://app.example.com", "http://localhost:3000"};
  EXPECT_TRUE(http::is_origin_allowed("https://app.example.com", "gw", allowed));
  EXPECT_TRUE(http::is_origin_allowed("https://app.example.com:443", "gw", allowed));
  EXPECT_TRUE(http::is_origin_allowed("http://localhost:3000", "gw", allowed));
  EXPECT_FALSE(http::is_origin_allowed("http://app.example.com", "gw", allowed));
  EXPECT_FALSE(http::is_origin_allowed("https://app.example.com.evil.com", "gw", allowed));
  EXPECT_FALSE(http::is_origin_allowed("http://localhost:3001", "gw", allowed));
  // A Host that looks like a pattern is none.
  EXPECT_FALSE(http::is_origin_allowed("https://a.example.com", "*.example.com", allowed));
  const std::vector<std::string> any{"*"};
  EXPECT_TRUE(http::is_origin_allowed("https://anywhere.example", "gw", any));
  EXPECT_FALSE(http::is_origin_allowed("null", "gw", any));
}

TEST(Upgrade, MaySpeakTheFramesOfAiSdk) {
  EXPECT_FALSE(check(request("/ws")).upgrade.is_chat);
  const Upgrade chat = check(request("/ws?protocol=ai-sdk&channel=guide")).upgrade;
  EXPECT_TRUE(chat.is_chat);
  EXPECT_EQ(chat.chat_channel, "guide");
  EXPECT_EQ(check(request("/ws?protocol=ag-ui")).status, 400);
  EXPECT_EQ(check(request("/ws?protocol=ai-sdk&channel=A")).status, 400);
}

TEST(Origin, AllowsAnyOneLabelWhereThatIsConfigured) {
  const std::vector<std::string> allowed{"https://*.example.com", "http://*.app.example.com:8080"};
  for (const char* origin :
       {"https://a.example.com", "https://A-1.Example.com:443", "http://x.app.example.com:8080"})
    EXPECT_TRUE(http::is_origin_allowed(origin, "gw", allowed)) << origin;
  for (const char* origin :
       {"https://example.com", "https://.example.com", "https://a.b.example.com", "https://*.example.com",
        "https://evilexample.com", "https://a.example.com.evil.com", "http://a.example.com",
        "https://a.example.com:8443", "https://u@a.example.com", "https://a.example.com@evil.com",
        "https://evil.com/.example.com", "https://a%2e.example.com", "http://x.app.example.com"})
    EXPECT_FALSE(http::is_origin_allowed(origin, "gw", allowed)) << origin;
}

}  // namespace
}  // namespace gw
