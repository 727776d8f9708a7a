// The opening handshake by RFC 6455 4.2.
#include "ws/handshake.h"

#include <gtest/gtest.h>

namespace gw::ws {
namespace {

using Fields = std::vector<HttpField>;

// RFC 6455 1.3, without its subprotocols.
const Fields kGood = {{"Host", "server.example.com"},   {"Upgrade", "websocket"},
                      {"Connection", "Upgrade"},        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                      {"Origin", "http://example.com"}, {"Sec-WebSocket-Version", "13"}};

Fields with(HttpField field) {
  Fields fields = kGood;
  fields.push_back(field);
  return fields;
}

Fields without(std::string_view name) {
  Fields fields = kGood;
  std::erase_if(fields, [&](const HttpField& field) { return field.name == name; });
  return fields;
}

Fields replaced(std::string_view name, std::string_view value) {
  Fields fields = without(name);
  fields.push_back({name, value});
  return fields;
}

HandshakeResult check(const Fields& fields) { return check_upgrade({"GET", 11, "/ws", fields}); }

// The status and the field that the reason names; "101" when there is nothing to refuse.
std::string outcome(const UpgradeRequest& request) {
  const HandshakeResult result = check_upgrade(request);
  return result ? "101" : std::to_string(result.error().status) + ' ' + std::string(result.error().reason);
}

std::string outcome(const Fields& fields) { return outcome({"GET", 11, "/ws", fields}); }

bool has(const HandshakeRefusal& refusal, std::string_view name, std::string_view value) {
  return std::any_of(refusal.fields.begin(), refusal.fields.end(),
                     [&](const HttpField& field) { return field.name == name && field.value == value; });
}

void expect_refusal(const Fields& fields, unsigned status, std::string_view name) {
  const HandshakeResult result = check(fields);
  ASSERT_FALSE(result) << name;
  EXPECT_EQ(result.error().status, status) << name << ": " << result.error().reason;
  EXPECT_NE(result.error().reason.find(name), std::string_view::npos) << result.error().reason;
}

// 1.3 and 4.2.2
TEST(Handshake, ExampleOfTheRfc) {
  const HandshakeResult result = check(kGood);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->accept_key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_TRUE(result->subprotocols.empty());
  EXPECT_TRUE(result->extensions.empty());
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Handshake, NamesAndTokensInAnyCase) {
  EXPECT_EQ(outcome(Fields{{"HOST", "h"},
                           {"upgrade", "WebSocket"},
                           {"CONNECTION", "keep-alive, UPGRADE"},
                           {"sec-websocket-key", " dGhlIHNhbXBsZSBub25jZQ== "},
                           {"Sec-Websocket-Version", "13"}}),
            "101");
}

TEST(Handshake, TokensMayStandInAnyFieldOfTheList) {
  EXPECT_EQ(outcome(replaced("Connection", "keep-alive,Upgrade")), "101");
  EXPECT_EQ(outcome(replaced("Upgrade", "h2c, websocket")), "101");
  Fields fields = replaced("Connection", "keep-alive");
  fields.push_back({"Connection", "upgrade"});
  EXPECT_EQ(outcome(fields), "101");
}

// RFC 9110 7.8, 15.5.22: what is no upgrade is told how to become one.
TEST(Handshake, NotAnUpgrade) {
  expect_refusal(without("Upgrade"), 426, "Upgrade");
  for (const char* value : {"", "h2c", "websockets", "web socket", "websocket/13"}) {
    expect_refusal(replaced("Upgrade", value), 426, "Upgrade");
  }
  expect_refusal(without("Connection"), 426, "Connection");
  for (const char* value : {"", "keep-alive", "close", "upgraded"}) {
    expect_refusal(replaced("Connection", value), 426, "Connection");
  }
  const HandshakeResult result = check({{"Host", "h"}});
  ASSERT_FALSE(result);
  EXPECT_TRUE(has(result.error(), "Upgrade", "websocket"));
  EXPECT_TRUE(has(result.error(), "Connection", "Upgrade"));
}

// 4.2.1 1
TEST(Handshake, IsAGetOfHttp11) {
  for (const char* method : {"POST", "TRACE", "get", "CONNECT", ""}) {
    EXPECT_EQ(outcome({method, 11, "/ws", kGood}), "405 A WebSocket handshake must be a GET request");
    const HandshakeResult plain = check_upgrade({method, 11, "/ws", {}});
    EXPECT_EQ(plain.error().status, 405u);
    EXPECT_TRUE(has(plain.error(), "Allow", "GET"));
  }
  EXPECT_EQ(outcome({"HEAD", 11, "/ws", kGood}), "400 A WebSocket handshake must be a GET request");
  EXPECT_EQ(outcome({"GET", 10, "/ws", kGood}), "400 A WebSocket handshake needs HTTP/1.1");
  for (const char* target : {"/", "/ws?token=a%20b", "http://h/ws"}) {
    EXPECT_EQ(outcome({"GET", 11, target, kGood}), "101") << target;
  }
  for (const char* target : {"", "*", "ws", "/a b", "/ws#part", "/\x7f", "/a\tb", "h:443"}) {
    EXPECT_EQ(outcome({"GET", 11, target, kGood}), "400 The request target is not valid") << target;
  }
}

// 4.2.1 2
TEST(Handshake, HasOneHost) {
  expect_refusal(without("Host"), 400, "Host");
  expect_refusal(with({"host", "server.example.com"}), 400, "Host");
  expect_refusal(replaced("Host", " "), 400, "Host");
}

// 4.2.1 5: sixteen bytes in base64, once.
TEST(Handshake, HasOneKey) {
  constexpr std::string_view kName = "Sec-WebSocket-Key";
  expect_refusal(without(kName), 400, kName);
  expect_refusal(with({kName, "dGhlIHNhbXBsZSBub25jZQ=="}), 400, kName);
  for (const char* key : {
           "",
           "dGhlIHNhbXBsZSBub25jZQ",     // no padding
           "dGhlIHNhbXBsZSBub25jZQ=",    // half of it
           "dGhlIHNhbXBsZSBub25jZR==",   // bits to spare that are not zero
           "dGhlIHNhbXBsZSBub25jZWE=",   // 17 bytes
           "dGhlIHNhbXBsZSBub25j",       // 15 bytes
           "dGhlIHNhbXBsZSBub25jZQ===",  //
           "dGhlIHNhbXBsZSBub25jZ-==",   // the URL alphabet
           "dGhl IHNhbXBsZSBub25jZ==",   //
           "=========================",  //
           "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
       }) {
    expect_refusal(replaced(kName, key), 400, kName);
  }
  EXPECT_EQ(outcome(replaced(kName, "+/+/+/+/+/+/+/+/+/+/+w==")), "101");
}

// 4.2.1 6, 4.4: another version is told which one we speak.
TEST(Handshake, HasOneVersion) {
  constexpr std::string_view kName = "Sec-WebSocket-Version";
  expect_refusal(without(kName), 400, kName);
  expect_refusal(with({kName, "13"}), 400, kName);
  for (const char* version : {"", "8", "0", "14", "013", "13, 8", "+13", "thirteen"}) {
    const Fields fields = replaced(kName, version);
    expect_refusal(fields, 426, kName);
    EXPECT_TRUE(has(check(fields).error(), "Sec-WebSocket-Version", "13")) << version;
    EXPECT_TRUE(has(check(fields).error(), "Upgrade", "websocket")) << version;
  }
}

TEST(Handshake, HasNoBody) {
  EXPECT_EQ(outcome(with({"Content-Length", "0"})), "101");
  for (const char* length : {"1", "10", "-1", "", "x", "0, 5"}) {
    expect_refusal(with({"content-length", length}), 400, "Content-Length");
  }
  expect_refusal(with({"Transfer-Encoding", "chunked"}), 400, "Transfer-Encoding");
}

// 4.2.1 8
TEST(Handshake, OffersSubprotocolsInOrder) {
  Fields fields = with({"Sec-WebSocket-Protocol", "gateway.v1, bearer.abc"});
  fields.push_back({"sec-websocket-protocol", "chat"});
  const HandshakeResult result = check(fields);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->subprotocols, (std::vector<std::string_view>{"gateway.v1", "bearer.abc", "chat"}));
  for (const char* value : {"", ",", "a b", "a, a", "a;b", "a/b", "\"a\"", "caf\xC3\xA9"}) {
    expect_refusal(with({"Sec-WebSocket-Protocol", value}), 400, "Sec-WebSocket-Protocol");
  }
}

TEST(Handshake, SubprotocolsHaveALimit) {
  std::string list = "p0";
  for (size_t i = 1; i < kSubprotocolsMax; ++i) list += ",p" + std::to_string(i);
  EXPECT_EQ(outcome(with({"Sec-WebSocket-Protocol", list})), "101");
  list += ",one-more";
  expect_refusal(with({"Sec-WebSocket-Protocol", list}), 400, "Sec-WebSocket-Protocol");
}

// 4.2.1 9, 9.1: a field against the grammar fails the handshake.
TEST(Handshake, OffersExtensionsInOrder) {
  Fields fields = with({"Sec-WebSocket-Extensions", "foo; bar=1, permessage-deflate"});
  fields.push_back({"Sec-WebSocket-Extensions", "baz"});
  const HandshakeResult result = check(fields);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->extensions.size(), 3u);
  EXPECT_EQ(result->extensions[0].name, "foo");
  EXPECT_EQ(result->extensions[2].name, "baz");
  expect_refusal(with({"Sec-WebSocket-Extensions", "permessage-deflate; ="}), 400,
                 "Sec-WebSocket-Extensions");
}

// 4.2.2 5
TEST(Handshake, TheAnswer) {
  std::string out;
  append_switching_protocols(out, {.accept_key = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="});
  EXPECT_EQ(out,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  out.clear();
  append_switching_protocols(out, {"key", "gateway.v1", "permessage-deflate"});
  EXPECT_EQ(out,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: key\r\nSec-WebSocket-Protocol: gateway.v1\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
}

}  // namespace
}  // namespace gw::ws
