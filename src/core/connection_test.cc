#include "core/connection.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "ws/frame.h"

namespace gw {
namespace {

const TimePoint t0 = TimePoint(1000s);
const WallTime w0 = WallTime(1'800'000'000s);

// A peer: what it sends is masked, what it receives is read with the client's side of the parser.
class Peer {
 public:
  Peer() : Peer(ConnectionOptions()) {}
  explicit Peer(ConnectionOptions options)
      : options_(std::make_unique<ConnectionOptions>(options)),
        connection(*options_, ConnectionId::make(), false, t0) {}

  // Feeds the frame; answers what the connection hands up, "paused" and "limited:" included.
  std::vector<std::string> sends(std::string_view text, TimePoint now, ws::Opcode opcode = ws::Opcode::text) {
    std::string wire;
    ws::append_masked_frame(wire, opcode, text, {1, 2, 3, 4});
    return feeds(wire, now);
  }
  std::vector<std::string> feeds(std::string wire, TimePoint now) {
    std::span<char> input(wire);
    std::vector<std::string> got;
    while (true) {
      const Connection::Input next = connection.next(input, scratch_, now);
      switch (next.kind) {
        case Connection::Input::Kind::more: return got;
        case Connection::Input::Kind::paused:
          got.push_back("paused");
          held.assign(input.data(), input.size());
          return got;
        case Connection::Input::Kind::message: got.emplace_back(next.text); break;
        case Connection::Input::Kind::limited: got.push_back("limited:" + std::string(next.text)); break;
      }
    }
  }
  // What has arrived at the peer: texts, "ping", "pong:…", "close:<code>:<reason>".
  std::vector<std::string> receives() {
    std::vector<std::string> got;
    std::array<iovec, 64> parts;
    while (const size_t count = connection.outbox().gather(parts)) {
      std::string wire;
      for (size_t i = 0; i < count; ++i)
        wire.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      connection.outbox().consume(wire.size());
      std::span<char> input(wire);
      while (true) {
        const ws::Event event = parser_.next(input, scratch_);
        if (event.kind == ws::Event::Kind::none) break;
        const std::string text(event.text);
        if (event.kind == ws::Event::Kind::message) got.push_back(text);
        if (event.kind == ws::Event::Kind::ping) got.push_back("ping");
        if (event.kind == ws::Event::Kind::pong) got.push_back("pong:" + text);
        if (event.kind == ws::Event::Kind::close)
          got.push_back("close:" + std::to_string(event.code) + ":" + text);
      }
    }
    return got;
  }

  std::string held;

 private:
  static ws::Parser client_parser() {
    ws::ParserOptions options;
    options.role = ws::Role::client;
    options.message_bytes_max = 1 << 20;
    return ws::Parser(options);
  }

  std::unique_ptr<const ConnectionOptions> options_;
  ws::Scratch scratch_;
  ws::Parser parser_ = client_parser();

 public:
  Connection connection;
};

using Texts = std::vector<std::string>;

TEST(Connection, HandsUpMessagesAndAnswersPings) {
  Peer peer;
  EXPECT_EQ(peer.sends("hello", t0), Texts{"hello"});
  EXPECT_EQ(peer.sends("are you there", t0, ws::Opcode::ping), Texts{});
  EXPECT_EQ(peer.receives(), Texts{"pong:are you there"});
}

TEST(Connection, EchoesTheClientsCloseAndIsFinished) {
  Peer peer;
  std::string wire;
  ws::append_masked_close(wire, 1001, "bye", {9, 9, 9, 9});
  EXPECT_EQ(peer.feeds(wire, t0), Texts{});
  EXPECT_TRUE(peer.connection.is_finished());
  EXPECT_EQ(peer.connection.close_code(), 1001);
  EXPECT_EQ(peer.receives(), Texts{"close:1001:"});
}

TEST(Connection, ClosesAndThenIgnoresMessagesUntilThePeerAnswers) {
  Peer peer;
  peer.connection.close(disconnect::session_ended, t0);
  EXPECT_EQ(peer.sends("too late", t0), Texts{});
  EXPECT_FALSE(peer.connection.is_finished());
  std::string wire;
  ws::append_masked_close(wire, 4003, "", {9, 9, 9, 9});
  peer.feeds(wire, t0);
  EXPECT_TRUE(peer.connection.is_finished());
  EXPECT_EQ(peer.connection.close_code(), 4003);
  EXPECT_EQ(peer.receives(), Texts{"close:4003:session ended"});
}

TEST(Connection, AbandonsAPeerThatNeverAnswersTheClose) {
  Peer peer;
  peer.connection.close(disconnect::restart, t0);
  EXPECT_FALSE(peer.connection.tick(t0 + 4s, w0).abandon);
  EXPECT_TRUE(peer.connection.tick(t0 + 5s, w0).abandon);
}

TEST(Connection, NamesTheViolationAndReadsNoFurther) {
  Peer peer;
  EXPECT_EQ(peer.sends("binary", t0, ws::Opcode::binary), Texts{});
  const Texts got = peer.receives();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].substr(0, 11), "close:1003:");
  EXPECT_TRUE(peer.connection.half_closes());
  EXPECT_EQ(peer.sends("more", t0), Texts{});
}

TEST(Connection, EvictsASilentClientAndNotOneThatPongs) {
  ConnectionOptions options;
  options.idle_timeout = 60s;
  Peer silent(options);
  Peer healthy(options);
  for (int s = 1; s < 60; ++s) {
    silent.connection.tick(t0 + std::chrono::seconds(s), w0);
    healthy.connection.tick(t0 + std::chrono::seconds(s), w0);
    if (s % 30 == 0) healthy.sends("", t0 + std::chrono::seconds(s), ws::Opcode::pong);
  }
  EXPECT_TRUE(silent.connection.is_open());
  silent.connection.tick(t0 + 60s, w0);
  healthy.connection.tick(t0 + 60s, w0);
  EXPECT_EQ(silent.connection.close_code(), 4009);
  EXPECT_TRUE(healthy.connection.is_open());
}

TEST(Connection, AsksForAHeartbeatOncePerInterval) {
  ConnectionOptions options;
  options.heartbeat_interval = 10s;
  options.idle_timeout = 1h;
  Peer peer(options);
  int heartbeats = 0;
  for (int tenths = 0; tenths <= 600; ++tenths) {
    heartbeats += peer.connection.tick(t0 + tenths * 100ms, w0).heartbeat ? 1 : 0;
  }
  EXPECT_GE(heartbeats, 6);
  EXPECT_LE(heartbeats, 7);  // the first comes early, to spread them
}

TEST(Connection, EndsWithItsSession) {
  Peer peer;
  peer.connection.expires_at(w0 + 3s);
  EXPECT_LE(peer.connection.next_tick(t0, w0), t0 + 3s);
  peer.connection.tick(t0 + 2999ms, w0 + 2999ms);
  EXPECT_TRUE(peer.connection.is_open());
  peer.connection.tick(t0 + 3s, w0 + 3s);
  EXPECT_EQ(peer.connection.close_code(), 4003);
}

TEST(Connection, OutlivesAClockThatWasSetBack) {
  ConnectionOptions options;
  options.idle_timeout = 24h;
  Peer peer(options);
  peer.connection.expires_at(w0 + 3s);
  peer.connection.tick(t0 + 3s, w0 + 3s - 1h);  // it was an hour when the timer fired
  EXPECT_TRUE(peer.connection.is_open());
  EXPECT_FALSE(peer.connection.is_expired(w0 + 3s - 1h));
  peer.connection.tick(t0 + 3s + 1h - 1ms, w0 + 3s - 1ms);
  EXPECT_TRUE(peer.connection.is_open());
  EXPECT_LE(peer.connection.next_tick(t0 + 3s + 1h - 1ms, w0 + 3s - 1ms), t0 + 3s + 1h);
  peer.connection.tick(t0 + 3s + 1h, w0 + 3s);
  EXPECT_EQ(peer.connection.close_code(), 4003);
}

TEST(Connection, EndsWithAClockThatWasSetForward) {
  Peer peer;
  peer.connection.expires_at(w0 + 1h);
  EXPECT_TRUE(peer.connection.is_expired(w0 + 1h));
  EXPECT_LE(peer.connection.next_tick(t0 + 1s, w0 + 1h + 1s), t0 + 1s);
  peer.connection.tick(t0 + 1s, w0 + 1h + 1s);
  EXPECT_EQ(peer.connection.close_code(), 4003);
}

TEST(Connection, OwesAPongOnceAPingHasHadNoAnswerForTenSeconds) {
  ConnectionOptions options;
  options.heartbeat_interval = 4s;
  Peer peer(options);
  TimePoint now = t0;
  const auto until_overdue = [&](Duration patience) {
    for (const TimePoint end = now + patience; now < end; now += 100ms) {
      if (peer.connection.tick(now, w0).pong_overdue) return true;
    }
    return false;
  };
  EXPECT_TRUE(until_overdue(15s));
  const TimePoint pinged = peer.connection.pong_owed_since().value();
  EXPECT_EQ(now - pinged, Connection::kPongPatience);  // of the first of several pings
  EXPECT_LE(pinged, t0 + 4s);
  EXPECT_FALSE(until_overdue(20s));  // said once
  EXPECT_EQ(peer.connection.pong_owed_since(), pinged);
  peer.sends("", now, ws::Opcode::pong);
  EXPECT_EQ(peer.connection.pong_owed_since(), std::nullopt);
  EXPECT_TRUE(until_overdue(15s));  // and again
}

TEST(Connection, OwesNoPongWhileAnythingComes) {
  ConnectionOptions options;
  options.heartbeat_interval = 4s;
  Peer peer(options);
  for (int s = 0; s < 60; ++s) {
    const TimePoint now = t0 + std::chrono::seconds(s);
    EXPECT_FALSE(peer.connection.tick(now, w0).pong_overdue);
    if (s % 9 == 0) peer.sends("{}", now);
    EXPECT_EQ(peer.connection.pong_owed_since(), std::nullopt);
  }
}

TEST(Connection, ClosesWhenAMessageIsNotFinishedInTime) {
  Peer peer;
  std::string wire;
  ws::append_masked_frame(wire, ws::Opcode::text, "half of it", {1, 2, 3, 4});
  wire.resize(wire.size() - 5);
  peer.feeds(wire, t0);
  peer.connection.tick(t0 + 29s, w0);
  EXPECT_TRUE(peer.connection.is_open());
  peer.connection.tick(t0 + 31s, w0);
  EXPECT_EQ(peer.connection.close_code(), 1002);
}

TEST(Connection, PausesAboveTheRateAndLosesNothing) {
  ConnectionOptions options;
  options.rate = {.per_second = 10, .burst = 2};
  Peer peer(options);
  std::string wire;
  for (const char* text : {"1", "2", "3", "4"})
    ws::append_masked_frame(wire, ws::Opcode::text, text, {1, 2, 3, 4});
  EXPECT_EQ(peer.feeds(wire, t0), (Texts{"1", "2", "paused"}));
  const TimePoint t1 = peer.connection.resume_at();
  EXPECT_NEAR(std::chrono::duration<double>(t1 - t0).count(), 0.1, 0.001);
  EXPECT_EQ(peer.feeds(peer.held, t1 + 1ms), (Texts{"3", "paused"}));
  EXPECT_EQ(peer.feeds(peer.held, t1 + 1s), Texts{"4"});
  EXPECT_TRUE(peer.connection.is_open());
}

TEST(Connection, WithRateActionCloseRefusesAndAfterTenSecondsCloses) {
  ConnectionOptions options;
  options.rate = {.per_second = 10, .burst = 1};
  options.rate_closes = true;
  Peer peer(options);
  EXPECT_EQ(peer.sends("a", t0), Texts{"a"});
  EXPECT_EQ(peer.sends("b", t0), Texts{"limited:b"});
  TimePoint now = t0;
  while (peer.connection.is_open() && now < t0 + 20s) {
    now += 20ms;
    peer.sends("x", now);
  }
  EXPECT_EQ(peer.connection.close_code(), 4029);
  EXPECT_GE(now, t0 + 10s);
  EXPECT_LE(now, t0 + 11s);
}

TEST(Connection, ClosesAClientThatDoesNotReadWithinABoundedOutbox) {
  ConnectionOptions options;
  options.outbox_bytes_max = 1000;
  Peer peer(options);
  const FramePtr frame = make_text_frame(std::string(100, 'x'));
  int sent = 0;
  while (peer.connection.send(frame, t0)) ++sent;
  EXPECT_LT(sent, 10);
  EXPECT_EQ(peer.connection.close_code(), 4008);
  EXPECT_LE(peer.connection.outbox().bytes(), 1000u);
  EXPECT_EQ(peer.receives(), Texts{"close:4008:Slow consumer"});
}

// What a connection that gets events has written.
std::string written(Connection& connection) {
  std::string wire;
  std::array<iovec, 64> parts;
  while (const size_t count = connection.outbox().gather(parts)) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      wire.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      bytes += parts[i].iov_len;
    }
    connection.outbox().consume(bytes);
  }
  return wire;
}

TEST(ConnectionOfEvents, GetsFramesAsEvents) {
  const ConnectionOptions options;
  Connection connection(options, ConnectionId::make(), false, t0, false, Transport::events);
  connection.send_head("HTTP/1.1 200 OK\r\n\r\n", t0);
  std::string wire;
  ws::append_frame(wire, ws::Opcode::ping, {});
  ws::append_frame(wire, ws::Opcode::text, "{\n}");
  connection.send(make_frame(std::move(wire)), t0);
  for (const size_t size : {size_t{200}, size_t{70'000}})
    connection.send(make_text_frame(std::string(size, 'x')), t0);
  EXPECT_EQ(written(connection),
            "HTTP/1.1 200 OK\r\n\r\n:\n\ndata: {\ndata: }\n\ndata: " + std::string(200, 'x') +
                "\n\ndata: " + std::string(70'000, 'x') + "\n\n");
}

TEST(ConnectionOfEvents, ACloseIsItsLastEvent) {
  const ConnectionOptions options;
  Connection connection(options, ConnectionId::make(), false, t0, false, Transport::events);
  connection.close(disconnect::session_ended, t0);
  EXPECT_FALSE(connection.is_open());
  EXPECT_TRUE(connection.is_finished());
  EXPECT_FALSE(connection.send(make_text_frame("late"), t0));
  EXPECT_EQ(written(connection), "event: close\ndata: {\"code\":4003,\"reason\":\"session ended\"}\n\n");
  EXPECT_TRUE(connection.tick(t0 + options.close_timeout, w0).abandon);
}

}  // namespace
}  // namespace gw
