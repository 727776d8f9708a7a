#include "gateway/resident_shard.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "net/socket_testing.h"

namespace gw {
namespace {

class ResidentShardTest : public ::testing::Test {
 protected:
  // The peer's end of a connection that comes to the shard with `bytes` read already.
  UniqueFd hand(std::string bytes) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    commands_.push_back(command::Upgrade{{UniqueFd(ends[0]), std::move(bytes), kLoopback, kLoopback, false}});
    loop_.post([] {});
    return UniqueFd(ends[1]);
  }

  // What the peer has read when something has come, or nothing within many turns.
  std::string answer(const UniqueFd& peer) {
    std::array<char, 4096> buffer;
    for (int turns = 0; turns < 2000; ++turns) {
      const IoResult result = read_some(peer.get(), buffer);
      if (result.status != IoResult::Status::again) return {buffer.data(), result.bytes};
      loop_.turn(10ms);
    }
    return {};
  }

  void take_events() {
    std::vector<ShardEvent> events;
    control_.take(events);
    for (const ShardEvent& item : events) heard_http_ |= std::holds_alternative<event::Http>(item);
  }

  static ShardOptions options() {
    ShardOptions options;
    options.handshake.timeout = 200ms;
    return options;
  }

  inline static const SocketAddress kLoopback = *SocketAddress::parse("127.0.0.1:5000");
  const ChannelTable channels_{{"guide"}};
  const ShardOptions options_ = options();
  EventLoop loop_;
  Mailbox<ShardEvent> control_{{}};
  Shard shard_{0, options_, channels_, {}, control_, &loop_.poller()};
  std::vector<ShardCommand> commands_;
  bool heard_http_ = false;
  ResidentShard resident_{
      {loop_, shard_, control_, [this] { take_events(); }, [this] { shard_.inbox().post(commands_, 0); }}};
};

TEST_F(ResidentShardTest, DoesWhatItIsAskedInTheSameTurn) {
  const UniqueFd peer = hand("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(loop_.turn(10s));
  EXPECT_TRUE(answer(peer).starts_with("HTTP/1.1 426 "));
}

TEST_F(ResidentShardTest, ReadsWhatComesLater) {
  const UniqueFd peer = hand("GET /ws HTTP/1.1\r\n");
  ASSERT_TRUE(loop_.turn(10s));
  write_some(peer.get(), "Host: a\r\n\r\n");
  EXPECT_TRUE(answer(peer).starts_with("HTTP/1.1 426 "));
}

TEST_F(ResidentShardTest, WhatItSaysIsHeardWithoutAWake) {
  const UniqueFd peer = hand("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int turns = 0; turns < 2000 && !heard_http_; ++turns) loop_.turn(10ms);
  EXPECT_TRUE(heard_http_);
}

TEST_F(ResidentShardTest, ItsDeadlinesComeThoughNobodyAsks) {
  const UniqueFd peer = hand("GET /ws");
  EXPECT_TRUE(answer(peer).starts_with("HTTP/1.1 408 "));
}

}  // namespace
}  // namespace gw
