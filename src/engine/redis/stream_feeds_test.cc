// Event streams without a group that read the inbox from their place, on a real Redis.
#include "engine/redis/stream_feeds.h"

#include <hiredis/hiredis.h>

#include "engine/contract_testing.h"
#include "net/peer_testing.h"

namespace gw {
namespace {

class StreamFeeds : public EngineTest {
 protected:
  void begin() { instance_ = start(EngineUnderTest::redis_with_inbox); }
  std::string submit(const std::string& text, const std::string& tenant = "") {
    return EngineTest::submit(*instance_, message(text, tenant));
  }
  void subscribe(TestAgent& agent, const std::string& tenant = "", const std::string& last_event_id = "") {
    EXPECT_TRUE(ask<void>([&](Done<void> done) {
      agent.subscription =
          instance_->agents().subscribe({0, "", tenant, last_event_id}, agent.self, std::move(done));
    }));
  }
  bool gets(const TestAgent& agent, const Texts& texts) {
    return until([&] { return agent.texts.size() >= texts.size(); }) && agent.texts == texts;
  }
  // A later agent gets nothing of what was there: it has been confirmed.
  bool all_is_confirmed() {
    return until([&] {
      TestAgent late;
      subscribe(late);
      settle(*instance_);
      settle(*instance_);
      return late.texts.empty();
    });
  }

  std::string newest_entry() {
    const redis::TestServer& server = redis::TestServer::shared();
    const std::unique_ptr<redisContext, void (*)(redisContext*)> beside{
        redisConnectUnix(server.url().socket_path.c_str()), redisFree};
    const std::string inbox = key_prefix_ + "inbox:guide";
    const std::unique_ptr<redisReply, void (*)(void*)> reply{
        static_cast<redisReply*>(redisCommand(beside.get(), "XREVRANGE %s + - COUNT 1", inbox.c_str())),
        freeReplyObject};
    return reply->elements == 1 ? reply->element[0]->element[0]->str : "";
  }

  std::unique_ptr<TestInstance> instance_;
};

TEST_F(StreamFeeds, WhatFoundNobodyIsKeptForTheFirstInOrder) {
  begin();
  for (const char* text : {"1", "2", "3"}) EXPECT_EQ(submit(text), "published") << "the inbox holds it";
  TestAgent first, second;
  subscribe(first);
  EXPECT_TRUE(gets(first, {"1", "2", "3"}));
  subscribe(second);
  EXPECT_EQ(submit("4"), "published");
  EXPECT_TRUE(gets(first, {"1", "2", "3", "4"}));
  EXPECT_TRUE(gets(second, {"4"})) << "it has come after the others";
}

TEST_F(StreamFeeds, WhatWasGivenIsNotGivenToTheNext) {
  begin();
  {
    TestAgent agent;
    subscribe(agent);
    for (const char* text : {"1", "2"}) submit(text);
    EXPECT_TRUE(gets(agent, {"1", "2"}));
  }
  EXPECT_TRUE(all_is_confirmed());
  submit("3");
  TestAgent next;
  subscribe(next);
  EXPECT_TRUE(gets(next, {"3"}));
}

TEST_F(StreamFeeds, AnAgentThatComesBackGoesOnFromTheLastThatItHad) {
  begin();
  TestAgent stays, leaves, returns;
  subscribe(stays);
  subscribe(leaves);
  submit("1");
  EXPECT_TRUE(gets(leaves, {"1"}));
  leaves.subscription.reset();
  for (const char* text : {"2", "3"}) submit(text);
  EXPECT_TRUE(gets(stays, {"1", "2", "3"}));
  subscribe(returns, "", leaves.ids.back());
  EXPECT_TRUE(gets(returns, {"2", "3"}));
  EXPECT_FALSE(returns.has_missed);
  submit("4");
  EXPECT_TRUE(gets(returns, {"2", "3", "4"}));
}

// Nobody confirmed what its last instance gave it, and with a full inbox nothing newer would.
TEST_F(StreamFeeds, WhatAnAgentThatComesBackHasHadMakesRoom) {
  begin();
  for (const char* text : {"1", "2"}) submit(text);
  const std::string last = newest_entry();
  TestAgent returns;
  subscribe(returns, "", last);
  settle(*instance_);
  EXPECT_EQ(returns.texts, Texts{});
  returns.subscription.reset();
  TestAgent late;
  subscribe(late);
  settle(*instance_);
  settle(*instance_);
  EXPECT_EQ(late.texts, Texts{});
}

TEST_F(StreamFeeds, AFullOneGoesOnWhenItHasRoom) {
  begin();
  TestAgent full, free;
  subscribe(full);
  subscribe(free);
  full.full = true;
  Texts all;
  for (int i = 0; i < 250; ++i) {
    all.push_back(std::to_string(i));
    EXPECT_EQ(submit(all.back()), "published");
  }
  EXPECT_TRUE(gets(free, all));
  EXPECT_FALSE(full.ended) << "it is behind, and nothing is lost";
  full.full = false;
  EXPECT_TRUE(gets(full, all));
}

TEST_F(StreamFeeds, ATenantsAgentsGetItsOwnAndHoldUpNobody) {
  begin();
  for (const char* text : {"red 1", "red 2"}) submit(text, "red");
  submit("blue 1", "blue");
  submit("no tenant");
  TestAgent blue, red, all;
  subscribe(blue, "blue");
  EXPECT_TRUE(gets(blue, {"blue 1"}));
  subscribe(red, "red");
  EXPECT_TRUE(gets(red, {"red 1", "red 2"}));
  subscribe(all);
  EXPECT_TRUE(until([&] { return std::count(all.texts.begin(), all.texts.end(), "no tenant") == 1; }));
  submit("red 3", "red");
  EXPECT_TRUE(gets(red, {"red 1", "red 2", "red 3"}));
  EXPECT_TRUE(gets(blue, {"blue 1"}));
}

TEST_F(StreamFeeds, AGroupThatIsNewBeginsWithWhatWaits) {
  begin();
  {
    TestAgent agent;
    subscribe(agent);
    submit("given");
    EXPECT_TRUE(gets(agent, {"given"}));
  }
  EXPECT_TRUE(all_is_confirmed());
  submit("waits");
  TestAgent member;
  EngineTest::subscribe(*instance_, member, "workers");
  EXPECT_TRUE(gets(member, {"waits"}));
  TestAgent late;
  subscribe(late);
  submit("new");
  EXPECT_TRUE(gets(late, {"new"})) << "what a group has taken waits for nobody else";
}

// Without an engine around them; `beside` writes what nobody publishes.
class StreamFeedsAlone : public testing::Test {
 protected:
  static redis::DialOptions dial() {
    redis::DialOptions options;
    options.url = redis::TestServer::shared().url();
    return options;
  }

  void SetUp() override {
    feeds.gate([] { return true; });
    commands.start({.on_up = [this] { redis::load_scripts(commands); }, .on_down = [] {}, .on_push = {}});
    subscriptions.keep(keys.fanout("guide"), [](std::string_view) { return true; });
    subscriptions.start({.on_ready = [] {}, .on_down = [] {}});
    ASSERT_TRUE(turn_until(loop, [this] { return commands.is_up() && subscriptions.is_ready(); }));
  }

  EventLoop loop;
  redis::Client commands{loop, dial(), "commands"}, pushes{loop, dial(), "subscriptions"};
  redis::Subscriptions subscriptions{loop, pushes};
  const redis::Keys keys{std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ":",
                         "instance", 0};
  redis::StreamFeeds feeds{"guide", commands, subscriptions, keys};
  const std::unique_ptr<redisContext, decltype(&redisFree)> beside{
      redisConnectUnix(dial().url.socket_path.c_str()), redisFree};
};

// Pub/Sub was deaf when the entry came, and an answer from before it is still on its way when Pub/Sub is
// back.
TEST_F(StreamFeedsAlone, AnAnswerFromBeforeALossEndsNoReading) {
  TestAgent agent;
  bool open = false;
  feeds.add(1, {0, "", "", ""}, agent.self, [&](Result<void> added) { open = added.has_value(); });
  ASSERT_TRUE(turn_until(loop, [&] { return open; }));
  Texts all;
  // One of these finds the question after entries answered and not yet read.
  for (int turns = 0; turns < 8; ++turns) {
    feeds.resume();
    for (int i = 0; i < turns; ++i) loop.turn(20ms);
    all.push_back(std::to_string(turns));
    const std::string envelope = "{\"text\":\"" + all.back() + "\"}";
    freeReplyObject(redisCommand(beside.get(), "XADD %s * envelope %s tenant_id %s",
                                 keys.inbox("guide").c_str(), envelope.c_str(), ""));
    feeds.resume();
    ASSERT_TRUE(turn_until(loop, [&] { return agent.texts.size() >= all.size(); }))
        << "after turns: " << turns;
  }
  EXPECT_EQ(agent.texts, all);
}

// It was cut off, or too slow, for as long as entries are kept: it is told so, once, before it goes on.
TEST_F(StreamFeedsAlone, OneThatEntriesHaveGoneFromIsTold) {
  const std::string inbox = keys.inbox("guide"), removed = keys.inbox_removed("guide");
  const auto add = [&](const std::string& id) {
    const std::string envelope = "{\"text\":\"" + id + "\"}";
    freeReplyObject(redisCommand(beside.get(), "XADD %s %s envelope %s tenant_id %s", inbox.c_str(),
                                 id.c_str(), envelope.c_str(), ""));
  };
  const auto take_out = [&](const std::string& id) {
    freeReplyObject(redisCommand(beside.get(), "XDEL %s %s", inbox.c_str(), id.c_str()));
    freeReplyObject(redisCommand(beside.get(), "SET %s %s", removed.c_str(), id.c_str()));
  };
  add("1-0");
  take_out("1-0");
  TestAgent agent;
  bool open = false;
  feeds.add(1, {0, "", "", ""}, agent.self, [&](Result<void> added) { open = added.has_value(); });
  ASSERT_TRUE(turn_until(loop, [&] { return open; }));
  add("2-0");
  feeds.resume();
  ASSERT_TRUE(turn_until(loop, [&] { return agent.texts == Texts{"2-0"}; }));
  EXPECT_FALSE(agent.has_missed) << "what was gone before it came it has not missed";
  for (const char* id : {"3-0", "4-0"}) add(id);
  take_out("3-0");
  feeds.resume();
  ASSERT_TRUE(turn_until(loop, [&] { return agent.texts == Texts({"2-0", "4-0"}); }));
  EXPECT_TRUE(agent.has_missed);
  agent.has_missed = false;
  add("5-0");
  feeds.resume();
  ASSERT_TRUE(turn_until(loop, [&] { return agent.texts.size() == 3; }));
  EXPECT_FALSE(agent.has_missed) << "it knows";
}

}  // namespace
}  // namespace gw
