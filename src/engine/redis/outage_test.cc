// What an instance does while its Redis says nothing, and after.
#include "base/hex.h"
#include "engine/contract_testing.h"

namespace gw {
namespace {

class Outage : public EngineTest {
 protected:
  // A server of its own: nobody else's stands still with it.
  std::unique_ptr<TestInstance> start_on_own_server(const std::string& name) {
    redis::EngineOptions options = redis_options(EngineUnderTest::redis, name);
    options.urls = {server_.url()};
    return start(std::make_unique<redis::Engine>(loop_, channels_, options));
  }
  void stop_server(TestInstance& instance) {
    server_.stop();
    EXPECT_TRUE(until([&] {
      probe(instance);
      return !instance.engine().stats().connected;
    }));
  }
  // After this it stays up: tests end with the instances that they began with.
  void let_server_go_on(TestInstance& instance) {
    server_.go_on();
    EXPECT_TRUE(until([&] { return probe(instance).has_value(); }));
  }
  size_t selected(TestInstance& instance, const Selector& selector) {
    const auto found = ask<std::vector<ConnectionRecord>>([&](Done<std::vector<ConnectionRecord>> done) {
      instance.registry().select(selector, std::move(done));
    });
    return found ? found->size() : 999;
  }

  redis::TestServer server_;
};

TEST_F(Outage, KeepsMessagesAndDeliversThemInOrderAfterwards) {
  limits_.queue.messages = 100;
  const auto instance = start_on_own_server("gw-a");
  TestAgent agent;
  subscribe(*instance, agent);
  EXPECT_EQ(submit(*instance, message("0")), "published");
  server_.stop();
  Texts expected{"0"};
  for (int i = 1; i <= 20; ++i) {
    expected.push_back(std::to_string(i));
    EXPECT_EQ(submit(*instance, message(expected.back())), "queued");
  }
  EXPECT_FALSE(probe(*instance));
  EXPECT_GT(instance->losses, 0);
  let_server_go_on(*instance);
  EXPECT_TRUE(until([&] { return instance->agents().stats(0).queue_size == 0; }));
  settle(*instance);
  // The server may have taken the first ones before it fell silent: those come twice, none is missing.
  Texts once;
  for (const std::string& text : agent.texts) {
    if (std::find(once.begin(), once.end(), text) == once.end()) once.push_back(text);
  }
  EXPECT_EQ(once, expected);
}

TEST_F(Outage, AFreshSessionGivenMeanwhileIsKnownAfterwards) {
  const auto instance = start_on_own_server("gw-a");
  const ConnectionRecord record = test_connection(shared_session("old", "ann"));
  ask<void>([&](Done<void> done) { instance->registry().add(record, {}, std::move(done)); });
  stop_server(*instance);
  instance->registry().replace_session(record.id, shared_session("fresh", "ann"));
  let_server_go_on(*instance);
  EXPECT_TRUE(until([&] { return selected(*instance, BySession{"ref-fresh"}) == 1; }));
  EXPECT_TRUE(until([&] { return selected(*instance, BySession{"ref-old"}) == 0; }));
}

TEST_F(Outage, AChangeOfASessionThatCannotBeReadAtOnceIsToldAfterwards) {
  const auto instance = start_on_own_server("gw-a");
  ASSERT_TRUE(ask<SessionPtr>([&](Done<SessionPtr> done) {
    instance->sessions().insert(test_session("s", "ann"), std::move(done));
  }));
  redis::DialOptions dial;
  dial.url = server_.url();
  redis::Client other(loop_, dial, "other");
  other.start({.on_up = [] {}, .on_down = [] {}, .on_push = {}});
  ASSERT_TRUE(until([&] { return other.is_up(); }));
  // Somebody suspends it, and tells of that. Nobody here has a connection then but for what is told.
  const redis::Keys keys(key_prefix_, "gw-b", 0);
  const std::string digest = to_hex(sha256("s"));
  other.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}, {});
  other.command({"HSET", keys.session(digest), "status", "suspended"}, {});
  other.command({"PUBLISH", keys.session_changed(), digest}, {});
  ASSERT_TRUE(until([&] { return !instance->changed.empty(); }));
  EXPECT_EQ(instance->changed[0]->status, SessionStatus::suspended);
  let_server_go_on(*instance);
}

TEST_F(Outage, WhatLeftMeanwhileIsGoneAfterwards) {
  const auto a = start_on_own_server("gw-a"), b = start_on_own_server("gw-b");
  const ConnectionRecord record = test_connection(shared_session("s", "ann"));
  ask<void>([&](Done<void> done) { a->registry().add(record, {}, std::move(done)); });
  EXPECT_EQ(selected(*b, ByUser{"ann"}), 1u);
  stop_server(*a);
  a->registry().remove(record.id, 1001);
  let_server_go_on(*a);
  let_server_go_on(*b);
  EXPECT_TRUE(until([&] { return selected(*b, ByUser{"ann"}) == 0; }));
}

TEST_F(Outage, EveryCallIsAnsweredMeanwhile) {
  const auto instance = start_on_own_server("gw-a");
  stop_server(*instance);
  const auto unavailable = [](const auto& result) {
    return !result && result.error().code == Errc::unavailable;
  };
  EXPECT_TRUE(unavailable(publish(*instance, "x")));
  const ConnectionRecord record = test_connection(shared_session("s", "ann"));
  EXPECT_TRUE(unavailable(
      ask<void>([&](Done<void> done) { instance->registry().add(record, {}, std::move(done)); })));
  EXPECT_TRUE(unavailable(ask<ConnectionCounts>(
      [&](Done<ConnectionCounts> done) { instance->registry().count("", true, std::move(done)); })));
  EXPECT_TRUE(unavailable(ask<ConnectionCounts>(
      [&](Done<ConnectionCounts> done) { instance->registry().count("red", true, std::move(done)); })));
  EXPECT_TRUE(unavailable(ask<std::vector<ConnectionRecord>>([&](Done<std::vector<ConnectionRecord>> done) {
    instance->registry().select(ByUser{"ann"}, std::move(done));
  })));
  EXPECT_TRUE(unavailable(ask<SessionPtr>(
      [&](Done<SessionPtr> done) { instance->sessions().find(sha256("s"), std::move(done)); })));
  TestAgent agent;
  EXPECT_TRUE(unavailable(try_subscribe(*instance, agent)));
  EXPECT_EQ(submit(*instance, message("kept")), "queued");
  const auto lost = ask<size_t>([&](Done<size_t> done) { instance->agents().park_waiting(std::move(done)); });
  EXPECT_EQ(*lost, 1u);
}

TEST_F(Outage, AgentsThatEndInTheMiddleOfRetiringDoNoHarm) {
  const auto instance = start_on_own_server("gw-a");
  TestAgent agent, other;
  subscribe(*instance, agent);
  subscribe(*instance, other, "", "red");
  stop_server(*instance);
  EXPECT_TRUE(ask<void>([&](Done<void> done) {
    instance->agents().stop_agents([&, done](Result<void> retired) {
      agent.subscription.reset();
      other.subscription.reset();
      done(retired);
    });
  }));
  EXPECT_EQ(instance->agents().stats(0).agents, 0u);
}

}  // namespace
}  // namespace gw
