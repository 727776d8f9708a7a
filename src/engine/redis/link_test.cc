#include "engine/redis/link.h"

#include "net/peer_testing.h"

namespace gw::redis {
namespace {

using Texts = std::vector<std::string>;

class LinkTest : public testing::Test {
 protected:
  // Every answer, in the order in which they come: text, or "!" and what went wrong.
  OnReply note() {
    return [this](const Result<Reply>& reply) {
      answers_.push_back(reply ? std::string(reply->text()) : "! " + reply.error().detail);
    };
  }
  Link::Events events() {
    return {.on_down = [this](const Error& why) { downs_.push_back(why.detail); },
            .on_push =
                [this](const Reply& push) {
                  if (hold_) return false;
                  pushes_.emplace_back(push[2].text());
                  return true;
                },
            .on_error = {}};
  }
  void connect(const TestPeer& peer) {
    const auto stream = Stream::make(loop_, {});
    bool connected = false;
    stream->connect(peer.address(), [&](Result<void> result) { connected = result.has_value(); });
    ASSERT_TRUE(turn_until(loop_, [&] { return connected; }));
    link_ = std::make_shared<Link>(loop_, stream, LinkOptions{.deadline = 100ms});
    link_->start(events());
  }
  void TearDown() override {
    if (link_) link_->close({Errc::closed, "end"});
    loop_.turn(0ms);
  }
  bool until_down() {
    return turn_until(loop_, [&] {
      link_->check(steady_now());
      return !downs_.empty();
    });
  }

  EventLoop loop_;
  std::shared_ptr<Link> link_;
  Texts answers_;
  Texts downs_;
  Texts pushes_;
  bool hold_ = false;
};

TEST_F(LinkTest, MatchesRepliesWithCommandsAndWritesOnce) {
  TestPeer peer(loop_, "+one\r\n-ERR two\r\n+thr");
  connect(peer);
  link_->command({"ONE"}, note());
  link_->command({"TWO"}, note());
  link_->command({"THREE"}, note());
  EXPECT_EQ(link_->pending(), 3u);
  EXPECT_EQ(link_->pending_bytes(),
            std::string("*1\r\n$3\r\nONE\r\n*1\r\n$3\r\nTWO\r\n*1\r\n$5\r\nTHREE\r\n").size());
  link_->flush();
  EXPECT_TRUE(turn_until(loop_, [&] { return answers_.size() == 2; }));
  EXPECT_EQ(peer.heard(), "*1\r\n$3\r\nONE\r\n*1\r\n$3\r\nTWO\r\n*1\r\n$5\r\nTHREE\r\n");
  peer.say("ee\r\n");
  EXPECT_TRUE(turn_until(loop_, [&] { return answers_.size() == 3; }));
  EXPECT_EQ(answers_, (Texts{"one", "! Redis: ERR two", "three"}));
  EXPECT_EQ(link_->pending() + link_->pending_bytes(), 0u);
}

TEST_F(LinkTest, SilenceEndsItAndFailsWhatIsPending) {
  TestPeer peer(loop_, "");
  connect(peer);
  link_->command({"PING"}, note());
  link_->command({"PING"}, {});
  link_->flush();
  EXPECT_TRUE(until_down());
  EXPECT_EQ(answers_, Texts{"! Redis has not answered for 100ms"});
  EXPECT_EQ(downs_.size(), 1u);
  EXPECT_FALSE(link_->is_open());
  link_->command({"PING"}, note());
  EXPECT_EQ(answers_.size(), 2u);
}

TEST_F(LinkTest, NobodyIsSilentWhoOwesNothing) {
  TestPeer peer(loop_, "+PONG\r\n");
  connect(peer);
  link_->check(steady_now() + 1h);
  link_->command({"PING"}, note());
  link_->flush();
  EXPECT_TRUE(turn_until(loop_, [&] { return answers_.size() == 1; }));
  link_->check(steady_now() + 1h);
  EXPECT_TRUE(link_->is_open());
}

TEST_F(LinkTest, AHangUpAndGarbageEndIt) {
  {
    TestPeer peer(loop_, "");
    connect(peer);
    link_->command({"PING"}, note());
    link_->flush();
    ASSERT_TRUE(turn_until(loop_, [&] { return !peer.heard().empty(); }));
    peer.hang_up();
    EXPECT_TRUE(turn_until(loop_, [&] { return downs_.size() == 1; }));
    EXPECT_EQ(answers_.size(), 1u);
  }
  for (const char* answer : {"HTTP/1.1 200 OK\r\n", "+PONG\r\n+and\r\n"}) {
    TestPeer peer(loop_, answer);
    downs_.clear();
    connect(peer);
    link_->command({"PING"}, note());
    link_->flush();
    EXPECT_TRUE(turn_until(loop_, [&] { return downs_.size() == 1; })) << answer;
  }
}

TEST_F(LinkTest, HoldsAPushAndWhatFollowsUntilItIsTaken) {
  TestPeer peer(loop_,
                "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n2\r\n");
  connect(peer);
  link_->expect_pushes();
  hold_ = true;
  const std::string_view words[]{"SUBSCRIBE", "c"};
  link_->send(words);
  link_->flush();
  EXPECT_TRUE(turn_until(loop_, [&] { return link_->is_holding(); }));
  link_->resume();
  link_->check(steady_now() + 1h);
  EXPECT_TRUE(link_->is_holding());
  EXPECT_EQ(pushes_, Texts{});
  hold_ = false;
  link_->resume();
  EXPECT_EQ(pushes_, (Texts{"1", "2"}));
  peer.say("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n3\r\n");
  EXPECT_TRUE(turn_until(loop_, [&] { return pushes_.size() == 3; }));
  EXPECT_TRUE(downs_.empty());
}

TEST_F(LinkTest, OneThatIsAbandonedTellsNobody) {
  TestPeer peer(loop_, "");
  connect(peer);
  link_->command({"PING"}, note());
  link_->flush();
  link_->abandon();
  loop_.turn(0ms);
  EXPECT_EQ(answers_, Texts{});
  EXPECT_EQ(downs_, Texts{});
}

}  // namespace
}  // namespace gw::redis
