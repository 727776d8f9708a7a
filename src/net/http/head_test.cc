#include "net/http/head.h"

#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <string>

namespace gw::http {
namespace {

constexpr std::string_view kHost = "Host: a\r\n";

std::string get(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

// What parse_head says of a text: "ok", "more", or the status.
std::string verdict(std::string_view text) {
  const ParsedHead parsed = parse_head(text);
  if (std::holds_alternative<RequestHead>(parsed)) return "ok";
  if (std::holds_alternative<HeadIncomplete>(parsed)) return "more";
  return std::to_string(std::get<HeadError>(parsed).status);
}

std::string framing(std::string_view head_text) {
  const auto framed = body_framing(std::get<RequestHead>(parse_head(head_text)));
  if (const auto* error = std::get_if<HeadError>(&framed)) return std::to_string(error->status);
  const BodyFraming& body = std::get<BodyFraming>(framed);
  switch (body.kind) {
    case BodyFraming::Kind::none: return "none";
    case BodyFraming::Kind::length: return std::to_string(body.length) + " bytes";
    case BodyFraming::Kind::chunked: return "chunked";
  }
  return "";
}

TEST(Head, KeepsFieldsInOrderWithDuplicates) {
  const std::string text =
      "POST /a%20b?x=1 HTTP/1.1\r\nHost: example.com:80\r\nX:  one\t \r\nx: two\r\nEmpty:\r\n\r\nbody";
  const ParsedHead parsed = parse_head(text);
  const RequestHead& head = std::get<RequestHead>(parsed);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/a%20b?x=1");
  EXPECT_EQ(head.version, 11);
  EXPECT_EQ(head.fields,
            (std::vector<HttpField>{{"Host", "example.com:80"}, {"X", "one"}, {"x", "two"}, {"Empty", ""}}));
  EXPECT_EQ(text.substr(head.bytes), "body");
}

TEST(Head, EveryProperPrefixAsksForMore) {
  const std::string text = get("Upgrade: websocket\r\nA: b\r\n");
  for (size_t n = 0; n < text.size(); ++n) EXPECT_EQ(verdict(text.substr(0, n)), "more") << n;
  EXPECT_EQ(verdict(text), "ok");
}

TEST(Head, OneEmptyLineBeforeTheRequestIsForgiven) {  // RFC 9112 2.2
  EXPECT_EQ(std::get<RequestHead>(parse_head("\r\n" + get(""))).bytes, get("").size() + 2);
  EXPECT_EQ(verdict("\r\n\r\n" + get("")), "400");
}

TEST(Head, RefusesWhatIsNotTheGrammar) {
  const std::string host(kHost);
  const std::string bad[] = {
      "GET / HTTP/1.1\nHost: a\n\n",                       // bare LF
      "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",           // one of them
      "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n",      // bare CR
      "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n",  // folded (5.2)
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",                // white space before the first field (2.2)
      "GET / HTTP/1.1\r\n" + host + "X : b\r\n\r\n",       // space before the colon (5.1)
      "GET / HTTP/1.1\r\n" + host + ": b\r\n\r\n",         // no name
      "GET / HTTP/1.1\r\n" + host + "no colon\r\n\r\n",    //
      "GET / HTTP/1.1\r\n" + host + "X\x7f: b\r\n\r\n",    //
      "GET / HTTP/1.1\r\n" + host + "X: \x01\r\n\r\n",     //
      "GET  / HTTP/1.1\r\n" + host + "\r\n",               // two spaces
      "GET / HTTP/1.1 \r\n" + host + "\r\n",               //
      "GET /\r\n" + host + "\r\n",                         // HTTP/0.9
      "GET / HTTP/1.1x\r\n" + host + "\r\n",               //
      "G(T / HTTP/1.1\r\n" + host + "\r\n",                // not a token
      "GET /\x80 HTTP/1.1\r\n" + host + "\r\n",            // beyond ASCII
      "GET /\x01 HTTP/1.1\r\n" + host + "\r\n",            //
      "\x16\x03\x01\x02\x01\xfc\x03\x03\r\n\r\n",          // TLS
      "GET / HTTP/1.1\r\n\r\n",                            // no Host (3.2)
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",      // two
      "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n",      //
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",               //
      "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",            //
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",               //
      "GET / HTTP/1.1\r\n" + host + "X: " + std::string(1, '\0') + "\r\n\r\n",
  };
  for (const std::string& text : bad) EXPECT_EQ(verdict(text), "400") << text;
}

TEST(Head, SaysSoAsSoonAsItIsClear) {
  EXPECT_EQ(verdict("GET / HTTP/1.1\n"), "400");
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: a\r\n folded"), "more");
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n"), "400");
}

TEST(Head, OtherVersions) {
  EXPECT_EQ(verdict("GET / HTTP/1.0\r\n\r\n"), "ok");  // Host came with 1.1
  EXPECT_EQ(verdict("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), "505");
  EXPECT_EQ(verdict("PRI * HTTP/2.0\r\n\r\n"), "505");
  EXPECT_EQ(verdict("GET /ws x HTTP/1.1\r\nHost: a\r\n\r\n"), "400");
  EXPECT_EQ(verdict("GET /ws HTTP/1.1 HTTP/2.0\r\nHost: a\r\n\r\n"), "400");
}

TEST(Head, HasLimits) {
  std::string fields;
  for (size_t i = 1; i < kFieldsMax; ++i) fields += "X: y\r\n";
  EXPECT_EQ(verdict(get(fields)), "ok");
  EXPECT_EQ(verdict(get(fields + "X: y\r\n")), "431");

  const size_t rest = kHeadBytesMax - get("X: \r\n").size();
  EXPECT_EQ(verdict(get("X: " + std::string(rest, 'y') + "\r\n")), "ok");
  EXPECT_EQ(verdict(get("X: " + std::string(rest + 1, 'y') + "\r\n")), "431");
  EXPECT_EQ(verdict("GET /" + std::string(kHeadBytesMax, 'y')), "431");
  EXPECT_EQ(verdict("GET /" + std::string(100, 'y')), "more");
}

TEST(Head, FramingIsNeverAmbiguous) {  // RFC 9112 6.1, 6.3
  EXPECT_EQ(framing(get("")), "none");
  EXPECT_EQ(framing(get("Content-Length: 12\r\n")), "12 bytes");
  EXPECT_EQ(framing(get("Transfer-Encoding: chunked\r\n")), "chunked");
  EXPECT_EQ(framing(get("transfer-encoding: Chunked\r\n")), "chunked");
}

TEST(Head, SmuggledFramingIsRefused) {
  const char* bad[] = {
      "Content-Length: 1\r\nContent-Length: 1\r\n",
      "Content-Length: 1\r\nContent-Length: 2\r\n",
      "Content-Length: 1, 1\r\n",
      "Content-Length: +1\r\n",
      "Content-Length: -1\r\n",
      "Content-Length: 0x1\r\n",
      "Content-Length: 1 1\r\n",
      "Content-Length: 1.0\r\n",
      "Content-Length:\r\n",
      "Content-Length: 99999999999999999999999\r\n",
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Transfer-Encoding: chunked, identity\r\n",
      "Transfer-Encoding: xchunked\r\n",
      "Transfer-Encoding: \"chunked\"\r\n",
      "Transfer-Encoding:\r\n",
      "Transfer-Encoding: \vchunked\r\n",
  };
  for (const char* fields : bad) {
    const std::string text = get(fields);
    const std::string head = verdict(text);
    const std::string outcome = head == "ok" ? framing(text) : head;
    EXPECT_TRUE(outcome == "400" || outcome == "501") << fields << outcome;
  }
  EXPECT_EQ(framing("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400");
}

TEST(Head, ListsHaveTokens) {
  const HttpField fields[] = {{"Connection", "keep-alive, Upgrade"}, {"connection", "x ,\tclose"}};
  for (const char* token : {"keep-alive", "upgrade", "X", "CLOSE"}) {
    EXPECT_TRUE(list_has_token(fields, "Connection", token)) << token;
  }
  EXPECT_FALSE(list_has_token(fields, "Connection", "keep"));
  EXPECT_FALSE(list_has_token(fields, "Upgrade", "x"));
}

// "yes", "no" or "more".
std::string is_for_ws(std::string_view bytes) {
  const std::optional<bool> answer = is_request_for(bytes, "/ws");
  return !answer ? "more" : *answer ? "yes" : "no";
}

TEST(Head, ABearerTokenIsShownOnceAndWhole) {
  const auto token = [](std::vector<HttpField> fields) { return std::string(bearer_token(fields)); };
  EXPECT_EQ(token({{"Authorization", "Bearer abc"}}), "abc");
  EXPECT_EQ(token({{"authorization", " bEARER   abc\t"}}), "abc");
  for (const char* value :
       {"", "Bearer", "Bearer ", "Basic abc", "abc", "Bearer a b", "Bearer a,b", "Bearerabc"}) {
    EXPECT_EQ(token({{"Authorization", value}}), "") << value;
  }
  EXPECT_EQ(token({{"Authorization", "Bearer abc"}, {"Authorization", "Bearer abc"}}), "");
  EXPECT_EQ(token({}), "");
}

TEST(Head, APathIsWholeOrFollowedByAQuery) {
  EXPECT_EQ(is_for_ws("GET /ws HTTP/1.1\r\n"), "yes");
  EXPECT_EQ(is_for_ws("GET /ws?token=a HTTP/1.1\r\n"), "yes");
  EXPECT_EQ(is_for_ws("GET /ws/ HTTP/1.1\r\n"), "yes");
  EXPECT_EQ(is_for_ws("GET /ws/?token=a HTTP/1.1\r\n"), "yes");
  EXPECT_EQ(is_for_ws("GET /ws// HTTP/1.1\r\n"), "no");
  EXPECT_EQ(is_for_ws("GET http://a/ws HTTP/1.1\r\n"), "yes");
  EXPECT_EQ(is_for_ws("GET https://a:1/ws?b HTTP/1.1\r\n"), "yes");
  EXPECT_EQ(is_for_ws("GET ftp://a/ws HTTP/1.1\r\n"), "no");
  EXPECT_EQ(is_for_ws("GET /wss HTTP/1.1\r\n"), "no");
  EXPECT_EQ(is_for_ws("GET / HTTP/1.1\r\n"), "no");
  EXPECT_EQ(is_for_ws("garbage\r\n"), "no");
  EXPECT_EQ(is_for_ws("GET /ws HTTP/1.1"), "more");
  EXPECT_EQ(is_for_ws(""), "more");
  EXPECT_EQ(is_for_ws("GET /ws?" + std::string(kHeadBytesMax, 'y')), "yes");
  EXPECT_EQ(is_for_ws(std::string(kHeadBytesMax, 'y')), "no");
}

TEST(Head, WhatALineIsForDoesNotDependOnTheForgivenEmptyLine) {
  EXPECT_EQ(is_for_ws("\r"), "more");
  EXPECT_EQ(is_for_ws("\r\n"), "more");
  EXPECT_EQ(is_for_ws("\r\nGET /ws HTTP/1.1"), "more");
  EXPECT_EQ(is_for_ws("\r\nGET /ws HTTP/1.1\r\n"), "yes");
  EXPECT_EQ(is_for_ws("\r\n\r\nGET /ws HTTP/1.1\r\n"), "no");  // parse_head refuses it
}

// A shard decides with the first bytes, the server with the whole head: they may not differ.
TEST(Head, EveryCutOfARequestIsForTheSame) {
  std::minstd_rand random(7);
  // The first of the parts mostly, so that many are lawful.
  const auto one_of = [&](auto... parts) {
    const std::string_view all[] = {parts...};
    return std::string(all[random() % 2 == 0 ? 0 : random() % std::size(all)]);
  };
  size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = one_of("", "\r\n", "\r\n\r\n", "\n", "\r", " ");
    text += one_of("GET", "POST", "G", "") + one_of(" ", "  ", "\t", "");
    text += one_of("/ws", "/ws?a=b", "/wss", "/", "*", "/?/ws", "http://a/ws", "/ws#");
    text += one_of(" ", "  ", "\t", "", " x ") + one_of("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "");
    text += one_of("\r\n", "\n", "\r") + one_of("Host: a\r\n", "Host: a\r\nX: /ws\r\n", "") + "\r\n";
    const ParsedHead parsed = parse_head(text);
    const auto* head = std::get_if<RequestHead>(&parsed);
    if (!head) continue;
    ++accepted;
    const std::string_view target = origin_form(head->target).target;
    const bool for_ws = target == "/ws" || target.starts_with("/ws?");
    for (size_t n = 0; n <= text.size(); ++n) {
      const std::optional<bool> answer = is_request_for(text.substr(0, n), "/ws");
      ASSERT_TRUE(answer || n < head->bytes) << text;
      ASSERT_TRUE(!answer || *answer == for_ws) << text << n;
    }
  }
  EXPECT_GT(accepted, 500u);
}

}  // namespace
}  // namespace gw::http
