// A channel's inbox where agents or tenants have no time or no room, on a real Redis.
#include "engine/redis/inbox.h"

#include "engine/contract_testing.h"

namespace gw {
namespace {

// When each entry came to whichever of its agents.
using Deliveries = std::map<std::string, std::vector<TimePoint>>;

class TimedAgent : public TestAgent {
 public:
  explicit TimedAgent(Deliveries& deliveries) : deliveries_(deliveries) {}
  bool deliver(std::string_view id, std::string_view envelope) override {
    if (!TestAgent::deliver(id, envelope)) return false;
    deliveries_[std::string(id)].push_back(steady_now());
    return true;
  }

 private:
  Deliveries& deliveries_;
};

class Inbox : public EngineTest {
 protected:
  std::unique_ptr<TestInstance> begin(const std::string& name) {
    redis::EngineOptions options = redis_options(EngineUnderTest::redis_with_inbox, name);
    options.agents.sender.inbox_size = inbox_size_;
    return start(std::make_unique<redis::Engine>(loop_, channels_, options));
  }
  std::string submit(const std::string& text, const std::string& tenant = "") {
    return EngineTest::submit(*instance_, message(text, tenant));
  }
  size_t acknowledge(const Texts& ids, const std::string& group, const std::string& tenant = "") {
    const auto closed = ask<size_t>([&](Done<size_t> done) {
      instance_->agents().acknowledge({0, group, tenant}, ids, std::move(done));
    });
    return closed ? *closed : 999;
  }
  void wait(Duration time) {
    const TimePoint end = steady_now() + time;
    until([&] { return steady_now() >= end; });
  }
  Duration shortest_gap() const {
    Duration shortest = 1h;
    for (const auto& [id, times] : deliveries_) {
      for (size_t i = 1; i < times.size(); ++i) shortest = std::min(shortest, times[i] - times[i - 1]);
    }
    return shortest;
  }

  size_t inbox_size_ = 1000;
  Deliveries deliveries_;
  std::unique_ptr<TestInstance> instance_;
};

TEST_F(Inbox, AnAgentHasAckWaitFromWhenItGetsTheEntry) {
  limits_.ack_wait = 2s;
  instance_ = begin("gw-a");
  TimedAgent agent(deliveries_);
  subscribe(*instance_, agent, "workers");
  agent.full = true;
  for (const char* text : {"1", "2", "3"}) EXPECT_EQ(submit(text), "published");
  wait(limits_.ack_wait * 3 / 5);
  agent.full = false;
  ASSERT_TRUE(until([&] { return agent.texts.size() >= 6; }));
  EXPECT_GE(shortest_gap(), limits_.ack_wait * 9 / 10);
  EXPECT_EQ(agent.texts, (Texts{"1", "2", "3", "1", "2", "3"}));
}

TEST_F(Inbox, WhatWaitedTooLongForRoomIsNotGivenBesideWhoeverClaimedIt) {
  limits_.ack_wait = 2s;
  instance_ = begin("gw-a");
  const auto other = begin("gw-b");
  TimedAgent full(deliveries_), free(deliveries_);
  subscribe(*instance_, full, "workers");
  full.full = true;
  for (const char* text : {"1", "2", "3"}) EXPECT_EQ(submit(text), "published");
  wait(limits_.ack_wait / 4);
  subscribe(*other, free, "workers");
  ASSERT_TRUE(until([&] { return !free.texts.empty(); }));
  full.full = false;
  ASSERT_TRUE(until([&] { return deliveries_.size() == 3; }));
  wait(limits_.ack_wait / 2);
  EXPECT_GE(shortest_gap(), limits_.ack_wait * 9 / 10);
}

// Nobody else is there to claim it: it is late, in order, and no delivery.
TEST_F(Inbox, WhatWaitedTooLongForRoomIsStillGiven) {
  limits_.ack_wait = 300ms;
  instance_ = begin("gw-a");
  TimedAgent agent(deliveries_);
  subscribe(*instance_, agent, "workers");
  agent.full = true;
  for (const char* text : {"1", "2", "3"}) EXPECT_EQ(submit(text), "published");
  wait(limits_.ack_wait * 2 * GroupMembers::kDeliveriesMax);
  agent.full = false;
  ASSERT_TRUE(until([&] { return agent.texts.size() >= 3; }));
  EXPECT_EQ(acknowledge(agent.ids, "workers"), 3u);
  agent.texts.resize(3);
  EXPECT_EQ(agent.texts, (Texts{"1", "2", "3"}));
}

TEST_F(Inbox, WhatEverybodyHasHadLeavesRoomThoughOlderEntriesWait) {
  inbox_size_ = 40;
  instance_ = begin("gw-a");
  TestAgent blue;
  subscribe(*instance_, blue, "workers", "blue");
  Texts waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.push_back("red " + std::to_string(i));
    EXPECT_EQ(submit(waiting.back(), "red"), "published");
  }
  for (size_t i = 1; i <= 60; ++i) {
    ASSERT_TRUE(until([&] { return submit("blue " + std::to_string(i), "blue") == "published"; })) << i;
    ASSERT_TRUE(until([&] { return blue.texts.size() == i; })) << i;
    EXPECT_EQ(acknowledge({blue.ids.back()}, "workers", "blue"), 1u);
  }
  TestAgent red;
  subscribe(*instance_, red, "", "red");
  EXPECT_TRUE(until([&] { return red.texts.size() >= waiting.size(); }));
  EXPECT_EQ(red.texts, waiting);
}

}  // namespace
}  // namespace gw
