#include "gateway/handshakes.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

using namespace handshake;
using From = Handshaking::FromProxy;

const TimePoint t0 = TimePoint() + 1h;
const std::string kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

struct Peer {
  Handshaking state;
  Stranger stranger;
};

class HandshakesTest : public ::testing::Test {
 protected:
  static HandshakeOptions options() {
    HandshakeOptions options;
    options.strangers_per_address = 2;
    options.upgrade.trusted_proxies = {*IpNetwork::parse("10.0.0.0/8")};
    return options;
  }

  // Begins, and judges what it said. Empty: it is not heard.
  std::optional<Verdict> hear(Peer& peer, const char* address, std::string bytes) {
    peer.state.arrival.peer = *SocketAddress::parse(std::string(address) + ":5000");
    peer.state.arrival.local = *SocketAddress::parse("192.0.2.1:80");
    peer.state.bytes = std::move(bytes);
    const auto deadline = handshakes_.begin(peer.state.arrival.peer.ip, peer.stranger, t0);
    if (!deadline) return std::nullopt;
    patience_ = *deadline - t0;
    return handshakes_.judge(peer.state, peer.stranger, t0, ready_);
  }

  static int status(const std::optional<Verdict>& verdict) {
    const auto* refused = verdict ? std::get_if<Refusal>(&*verdict) : nullptr;
    return refused ? refused->answer.status : 0;
  }

  Handshakes handshakes_{options()};
  Duration patience_{};
  bool ready_ = true;
};

TEST_F(HandshakesTest, AWholeHeadIsAccepted) {
  Peer peer;
  const auto verdict = hear(peer, "203.0.113.9", kUpgrade + "Origin: http://a\r\n\r\nearly");
  const auto& accepted = std::get<InOrder>(*verdict);
  EXPECT_EQ(accepted.origin, "http://a");
  EXPECT_EQ(peer.state.bytes.substr(accepted.head_bytes), "early");
  EXPECT_TRUE(accepted.upgrade.response.starts_with("HTTP/1.1 101 "));
}

TEST_F(HandshakesTest, WhatIsNotForUsIsKnownBeforeTheHeadIsWhole) {
  Peer unknown, ours, other;
  EXPECT_TRUE(std::holds_alternative<Incomplete>(*hear(unknown, "203.0.113.1", "GET /w")));
  EXPECT_TRUE(std::holds_alternative<Incomplete>(*hear(ours, "203.0.113.2", "GET /ws HTTP/1.1\r\n")));
  EXPECT_TRUE(std::holds_alternative<NotForUs>(*hear(other, "203.0.113.3", "GET /health/live HTTP/1.1\r\n")));
}

TEST_F(HandshakesTest, WhatComesBackIsAnswered) {
  Peer peer;
  peer.state.returned = true;
  EXPECT_EQ(status(hear(peer, "203.0.113.1", "GET / HTTP/1.1\r\n\r\n")), 400);
}

TEST_F(HandshakesTest, WhereTlsIsAwaitedNothingElseIsHeard) {
  Peer silent, tls, clear, proxy;
  for (Peer* const peer : {&silent, &tls, &clear, &proxy}) peer->state.awaits_tls = true;
  EXPECT_TRUE(std::holds_alternative<Incomplete>(*hear(silent, "203.0.113.1", "")));
  EXPECT_TRUE(std::holds_alternative<BeginTls>(*hear(tls, "203.0.113.2", "\x16")));
  const auto refused = hear(clear, "203.0.113.3", "GET /health/live HTTP/1.1\r\n");
  EXPECT_EQ(status(refused), 400);
  EXPECT_TRUE(std::get<Refusal>(*refused).not_tls);
  EXPECT_FALSE(std::get<Refusal>(*hear(proxy, "203.0.113.4", "PROXY TCP4 ")).bad_proxy.empty());
}

TEST_F(HandshakesTest, BehindAProxyHeaderTlsMayStandInTheSameBytes) {
  Peer peer;
  peer.state.awaits_tls = true;
  peer.state.proxy_header = From::awaited;
  const auto verdict = hear(peer, "10.0.0.1", "PROXY TCP4 203.0.113.9 192.0.2.7 1 443\r\n\x16\x03");
  EXPECT_TRUE(std::holds_alternative<BeginTls>(*verdict));
  EXPECT_EQ(peer.state.bytes, "\x16\x03");
}

TEST_F(HandshakesTest, OverTlsAPageInClearOfTheSameHostIsAnothers) {
  Peer secure, clear;
  for (Peer* const peer : {&secure, &clear}) peer->state.is_secure = true;
  EXPECT_TRUE(
      std::holds_alternative<InOrder>(*hear(secure, "203.0.113.1", kUpgrade + "Origin: https://a\r\n\r\n")));
  EXPECT_EQ(status(hear(clear, "203.0.113.2", kUpgrade + "Origin: http://a\r\n\r\n")), 403);
}

TEST_F(HandshakesTest, AnOriginIsNamedOnlyWhereItIsTheReason) {
  Peer page, nowhere;
  const auto refused = hear(page, "203.0.113.1", kUpgrade + "Origin: http://evil\r\n\r\n");
  EXPECT_EQ(status(refused), 403);
  EXPECT_EQ(std::get<Refusal>(*refused).bad_origin, "http://evil");
  ready_ = false;
  const auto not_ready = hear(nowhere, "203.0.113.1", kUpgrade + "Origin: http://a\r\n\r\n");
  EXPECT_EQ(status(not_ready), 503);
  EXPECT_EQ(std::get<Refusal>(*not_ready).bad_origin, "");
}

TEST_F(HandshakesTest, AnAddressWithTooManyHasLessTimeAndThenNone) {
  Peer peers[6];
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(hear(peers[i], "203.0.113.9", "GET /ws"));
    EXPECT_EQ(patience_, options().timeout);
  }
  ASSERT_TRUE(hear(peers[2], "203.0.113.9", kUpgrade));
  EXPECT_LT(patience_, options().timeout);
  peers[2].state.bytes += "\r\n";
  const auto verdict = handshakes_.judge(peers[2].state, peers[2].stranger, t0, true);
  EXPECT_EQ(status(verdict), 429);
  EXPECT_TRUE(std::get<Refusal>(verdict).at_once);
  ASSERT_TRUE(hear(peers[3], "203.0.113.9", "GET /ws"));
  EXPECT_FALSE(hear(peers[4], "203.0.113.9", "GET /ws"));
  // Whoever goes makes room; the one that was not heard has to be forgotten as well.
  for (int i = 0; i < 5; ++i) handshakes_.forget(peers[i].stranger);
  ASSERT_TRUE(hear(peers[5], "203.0.113.9", "GET /ws"));
  EXPECT_EQ(patience_, options().timeout);
}

TEST_F(HandshakesTest, AProxysHeaderIsExpectedByAddress) {
  const auto expected = [&](const char* address, bool proxy_protocol) {
    return handshakes_.expect_proxy_header(*IpAddress::parse(address), proxy_protocol);
  };
  EXPECT_EQ(expected("10.0.0.1", false), From::none);
  EXPECT_EQ(expected("10.0.0.1", true), From::awaited);
  EXPECT_EQ(expected("203.0.113.9", true), From::untrusted);
  EXPECT_EQ(handshakes_.expect_proxy_header(IpAddress::of_unix_socket(), true), From::awaited);
}

TEST_F(HandshakesTest, AProxysHeaderThatNobodyAskedForIsRefused) {
  Peer peers[3], begun;
  const From states[] = {From::none, From::untrusted, From::taken};
  std::vector<std::string> reasons;
  for (int i = 0; i < 3; ++i) {
    peers[i].state.proxy_header = states[i];
    const auto refused = hear(peers[i], "203.0.113.9", "PROXY UNKNOWN\r\n" + kUpgrade + "\r\n");
    EXPECT_EQ(status(refused), 400);
    reasons.push_back(std::get<Refusal>(*refused).bad_proxy);
  }
  EXPECT_NE(reasons[0].find("?proxy_protocol"), std::string::npos);
  EXPECT_NE(reasons[1].find("trusted-proxy"), std::string::npos);
  EXPECT_NE(reasons[2].find("second"), std::string::npos);
  EXPECT_TRUE(std::holds_alternative<Incomplete>(*hear(begun, "203.0.113.1", "\r\n\r\n")));
}

TEST_F(HandshakesTest, AProxysHeaderSaysWhoseItIs) {
  Peer peers[4];
  for (int i = 0; i < 4; ++i) {
    peers[i].state.proxy_header = From::awaited;
    const auto verdict =
        hear(peers[i], "10.0.0.1", "PROXY TCP4 203.0.113.9 192.0.2.7 1 443\r\n" + kUpgrade + "\r\n");
    EXPECT_EQ(peers[i].state.arrival.peer.text(), "203.0.113.9:1");
    EXPECT_EQ(peers[i].state.arrival.local.text(), "192.0.2.7:443");
    EXPECT_EQ(peers[i].state.proxy_header, From::taken);
    EXPECT_EQ(std::holds_alternative<InOrder>(*verdict), i < 2);
  }
}

TEST_F(HandshakesTest, OneWhoIsNamedByAProxyHasNoMoreTimeThanItsAddress) {
  Peer peers[5];
  for (Peer& peer : peers) {
    peer.state.proxy_header = From::awaited;
    hear(peer, "10.0.0.1", "");
    peer.state.arrival.deadline = t0 + options().timeout;
    peer.state.bytes = "PROXY TCP4 203.0.113.9 192.0.2.7 1 443\r\n";
    const auto verdict = handshakes_.judge(peer.state, peer.stranger, t0 + 1s, true);
    EXPECT_EQ(std::holds_alternative<Incomplete>(verdict), &peer != &peers[4]);
  }
  EXPECT_EQ(peers[1].state.arrival.deadline, t0 + options().timeout);
  EXPECT_LT(peers[2].state.arrival.deadline, t0 + 2s);
}

TEST_F(HandshakesTest, ManyByAUnixSocketAreNotOne) {
  Peer peers[4];
  for (Peer& peer : peers) {
    peer.state.arrival = {{IpAddress::of_unix_socket(), 0}, {IpAddress::of_unix_socket(), 0}, {}};
    peer.state.bytes = kUpgrade + "\r\n";
    handshakes_.begin(peer.state.arrival.peer.ip, peer.stranger, t0);
    EXPECT_TRUE(std::holds_alternative<InOrder>(handshakes_.judge(peer.state, peer.stranger, t0, true)));
  }
}

TEST_F(HandshakesTest, BehindATrustedProxyTheHeadSaysWhoseItIs) {
  Peer peers[4];
  const std::string head = kUpgrade + "X-Forwarded-For: 203.0.113.9\r\n\r\n";
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(std::holds_alternative<InOrder>(*hear(peers[i], "10.0.0.1", head)));
  EXPECT_EQ(status(hear(peers[2], "10.0.0.1", head)), 429);
  EXPECT_TRUE(std::holds_alternative<InOrder>(*hear(peers[3], "10.0.0.1", kUpgrade + "\r\n")));
}

TEST_F(HandshakesTest, AnEventStreamIsAHandshakeToo) {
  for (const char* const method : {"GET", "POST"}) {
    Peer peer;
    const auto verdict = hear(peer, "203.0.113.9",
                              method + std::string(" /connection/sse?token=t HTTP/1.1\r\nHost: a\r\n\r\n"));
    const auto& accepted = std::get<InOrder>(*verdict);
    EXPECT_EQ(accepted.upgrade.transport, Transport::events);
    EXPECT_EQ(accepted.upgrade.token, "t");
    handshakes_.forget(peer.stranger);
  }
  Peer with_body;
  EXPECT_EQ(status(hear(with_body, "203.0.113.9",
                        "POST /connection/sse HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")),
            413);
}

TEST_F(HandshakesTest, SwitchedOffAnEventStreamIsSomebodyElses) {
  HandshakeOptions without = options();
  without.upgrade.events = false;
  handshakes_.reconfigure(without);
  Peer peer;
  const auto verdict = hear(peer, "203.0.113.9", "GET /connection/sse HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(std::holds_alternative<NotForUs>(*verdict));
}

}  // namespace
}  // namespace gw
