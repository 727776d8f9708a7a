// What a shard does with a connection that the server gave back.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "gateway/shard.h"
#include "net/socket_testing.h"

namespace gw {
namespace {

class ShardHandshake : public ::testing::Test {
 protected:
  ShardHandshake() : shard_(0, options_, channels_, {}, control_) { shard_.start(); }
  ~ShardHandshake() override { post(command::Stop{}); }

  void post(ShardCommand command) {
    std::vector<ShardCommand> commands;
    commands.push_back(std::move(command));
    shard_.inbox().post(commands, 0);
  }

  // The peer's end of a connection that comes to the shard with `bytes` read already.
  UniqueFd hand(std::string bytes, bool returned, const SocketAddress& from = kLoopback) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    post(command::Upgrade{{UniqueFd(ends[0]), std::move(bytes), from, kLoopback, returned}});
    return UniqueFd(ends[1]);
  }

  // Whether it comes out at the control loop.
  bool reaches_control() {
    std::vector<ShardEvent> events;
    while (true) {
      wait_readable(control_.fd());
      if (HasFailure()) return false;
      events.clear();
      control_.take(events);
      for (const ShardEvent& item : events) {
        if (std::holds_alternative<event::Http>(item)) return true;
      }
    }
  }

  static std::string read_answer(const UniqueFd& peer) {
    wait_readable(peer.get());
    std::array<char, 4096> buffer;
    const IoResult result = read_some(peer.get(), buffer);
    return {buffer.data(), result.bytes};
  }

  inline static const SocketAddress kLoopback = *SocketAddress::parse("127.0.0.1:5000");
  const ChannelTable channels_{{"guide"}};
  static ShardOptions options() {
    ShardOptions options;
    options.handshake.strangers_per_address = 2;
    return options;
  }
  const ShardOptions options_ = options();
  Mailbox<ShardEvent> control_{{}};
  Shard shard_;
};

TEST_F(ShardHandshake, WhatIsNotForTheWebSocketGoesToTheControlLoop) {
  const UniqueFd peer = hand("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
  EXPECT_TRUE(reaches_control());
}

TEST_F(ShardHandshake, AConnectionIsNotPassedOnASecondTime) {
  const UniqueFd peer = hand("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_TRUE(read_answer(peer).starts_with("HTTP/1.1 400 "));
}

TEST_F(ShardHandshake, AConnectionThatComesBackIsUpgraded) {
  const UniqueFd peer = hand("\r\nGET /ws HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_TRUE(read_answer(peer).starts_with("HTTP/1.1 426 "));
}

TEST_F(ShardHandshake, AnAddressHasOnlySoManyUnfinishedHandshakes) {
  const SocketAddress guest = *SocketAddress::parse("203.0.113.9:5000");
  const std::string request = "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n";
  std::vector<UniqueFd> unfinished;
  for (int i = 0; i < 2; ++i) unfinished.push_back(hand("GET /ws", false, guest));
  // One more is heard when it is complete, and what is not for the WebSocket goes on.
  EXPECT_TRUE(read_answer(hand(request, false, guest)).starts_with("HTTP/1.1 426 "));
  const UniqueFd probe = hand("GET /health/live HTTP/1.1\r\n", false, guest);
  EXPECT_TRUE(reaches_control());
  for (int i = 0; i < 2; ++i) unfinished.push_back(hand("GET /ws", false, guest));
  EXPECT_EQ(read_answer(hand(request, false, guest)), "");  // twice the bound: not even an answer
  EXPECT_TRUE(read_answer(hand(request, false, *SocketAddress::parse("203.0.113.10:1")))
                  .starts_with("HTTP/1.1 426 "));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(read_answer(hand(request, false)).starts_with("HTTP/1.1 426 "));
}

}  // namespace
}  // namespace gw
