// What agents are promised that share a group, on both engines (Redis: with the inbox stream).
// Delivering again after the default ack-wait takes half a minute; here it is set to less.
#include "engine/contract_testing.h"

namespace gw {
namespace {

class GroupContract : public EngineContract {
 protected:
  std::string submit(const std::string& text, const std::string& tenant = "") {
    return EngineTest::submit(*instance_, message(text, tenant));
  }
  void join(TestAgent& agent, const std::string& group, const std::string& tenant = "") {
    EngineTest::subscribe(*instance_, agent, group, tenant);
  }
  size_t acknowledge(const Texts& ids, const std::string& group, const std::string& tenant = "") {
    const auto closed = ask<size_t>([&](Done<size_t> done) {
      agents().acknowledge({0, group, tenant}, ids, std::move(done));
    });
    return closed ? *closed : 999;
  }
  Result<size_t> try_working(const Texts& ids, const std::string& group, const std::string& tenant = "") {
    return ask<size_t>([&](Done<size_t> done) {
      agents().working({0, group, tenant}, ids, std::move(done));
    });
  }
  size_t working(const Texts& ids, const std::string& group, const std::string& tenant = "") {
    const auto open = try_working(ids, group, tenant);
    return open ? *open : 999;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, GroupContract,
                         testing::Values(EngineUnderTest::memory, EngineUnderTest::redis_with_inbox,
                                         EngineUnderTest::redis_cluster_with_inbox,
                                         EngineUnderTest::redis_divided_cluster),
                         name_of);

TEST_P(GroupContract, GivesEachMessageToOneMember) {
  limits_.queue.messages = 100;
  begin();
  TestAgent a, b, all;
  join(a, "workers");
  join(b, "workers");
  EngineTest::subscribe(*instance_, all);
  EXPECT_EQ(agents().stats(0).agents, 3u);
  Texts expected;
  for (int i = 0; i < 20; ++i) {
    expected.push_back(std::to_string(i));
    EXPECT_EQ(submit(expected.back()), "published");
  }
  EXPECT_TRUE(until([&] { return a.texts.size() + b.texts.size() >= 20 && all.texts.size() >= 20; }));
  settle(*instance_);
  Texts both = a.texts;
  both.insert(both.end(), b.texts.begin(), b.texts.end());
  std::sort(both.begin(), both.end());
  EXPECT_EQ(all.texts, expected);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(both, expected);
  EXPECT_FALSE(a.texts.empty());
  EXPECT_FALSE(b.texts.empty());
}

TEST_P(GroupContract, GivesWhatWaitsToTheFirstMemberInOrder) {
  limits_.queue.messages = 100;
  begin();
  for (const char* text : {"1", "2", "3"}) submit(text);
  TestAgent agent;
  join(agent, "workers");
  EXPECT_TRUE(until([&] { return agent.texts.size() >= 3; }));
  EXPECT_EQ(submit("4"), "published");
  EXPECT_TRUE(until([&] { return agent.texts.size() >= 4; }));
  EXPECT_EQ(agent.texts, (Texts{"1", "2", "3", "4"}));
}

TEST_P(GroupContract, CountsWhatIsOpenUntilItIsAcknowledged) {
  begin();
  TestAgent agent;
  join(agent, "workers");
  submit("1");
  submit("2");
  submit("3");
  ASSERT_TRUE(until([&] { return agent.ids.size() >= 3; }));
  EXPECT_EQ(agents().stats(0).unacknowledged, 3u);
  EXPECT_EQ(acknowledge({agent.ids[0], agent.ids[2]}, "workers"), 2u);
  EXPECT_EQ(agents().stats(0).unacknowledged, 1u);
  EXPECT_EQ(acknowledge({agent.ids[0]}, "workers"), 0u);
  EXPECT_EQ(acknowledge({"never", "1-1", "-", "99999999999999999999999-0", ""}, "workers"), 0u);
  EXPECT_EQ(acknowledge({}, "workers"), 0u);
  EXPECT_EQ(acknowledge({agent.ids[1], agent.ids[1]}, "workers"), 1u);
  EXPECT_EQ(agents().stats(0).unacknowledged, 0u);
}

TEST_P(GroupContract, WhatIsGivenUpIsOpenNoMore) {
  begin();
  TestAgent agent, other;
  join(agent, "workers");
  join(other, "others");
  for (const char* text : {"1", "2", "3"}) submit(text);
  ASSERT_TRUE(until([&] { return agent.ids.size() >= 3 && other.ids.size() >= 3; }));
  const auto give_up = [&](const Texts& ids, const std::string& group) {
    return ask<size_t>([&](Done<size_t> done) {
      agents().give_up({0, group, ""}, ids, "the hook fails", std::move(done));
    });
  };
  EXPECT_EQ(give_up({agent.ids[0], "never", "1-1"}, "workers").value(), 1u);
  EXPECT_EQ(give_up({agent.ids[0]}, "workers").value(), 0u);
  EXPECT_EQ(agents().stats(0).dead_letters_total, 1u);
  EXPECT_EQ(agents().stats(0).unacknowledged, 5u);
  EXPECT_EQ(acknowledge(agent.ids, "workers"), 2u);
  EXPECT_EQ(acknowledge(other.ids, "others"), 3u);
}

TEST_P(GroupContract, GivesEveryGroupItsOwnCopy) {
  begin();
  TestAgent one, two;
  join(one, "one");
  join(two, "two");
  submit("1");
  ASSERT_TRUE(until([&] { return one.texts == Texts{"1"} && two.texts == Texts{"1"}; }));
  EXPECT_EQ(acknowledge(one.ids, "one"), 1u);
  EXPECT_EQ(agents().stats(0).unacknowledged, 1u);
  EXPECT_EQ(acknowledge(two.ids, "two"), 1u);
}

TEST_P(GroupContract, KeepsTenantsGroupsApart) {
  begin();
  TestAgent red, blue, any;
  join(red, "workers", "red");
  join(blue, "workers", "blue");
  join(any, "workers");
  submit("r", "red");
  submit("b", "blue");
  submit("n");
  ASSERT_TRUE(until([&] { return any.texts.size() >= 3 && !red.texts.empty() && !blue.texts.empty(); }));
  settle(*instance_);
  EXPECT_EQ(red.texts, Texts{"r"});
  EXPECT_EQ(blue.texts, Texts{"b"});
  EXPECT_EQ(any.texts, (Texts{"r", "b", "n"}));
  EXPECT_EQ(acknowledge(red.ids, "workers", "blue"), 0u);
  EXPECT_EQ(acknowledge(red.ids, "workers", "red"), 1u);
}

TEST_P(GroupContract, BringsPublicationsToo) {
  begin();
  TestAgent agent, red;
  join(agent, "workers");
  join(red, "workers", "red");
  EXPECT_TRUE(publish(*instance_, "P"));
  EXPECT_TRUE(publish(*instance_, "PR", "red"));
  EXPECT_TRUE(until([&] { return agent.texts.size() >= 2 && !red.texts.empty(); }));
  EXPECT_EQ(agent.texts, (Texts{"P", "PR"}));
  EXPECT_EQ(red.texts, Texts{"PR"});
  // Clients are told on another connection.
  EXPECT_TRUE(until([&] { return instance_->published.size() >= 2; }));
  EXPECT_EQ(instance_->published_messages(), (Texts{"\"P\"", "\"PR\""}));
}

TEST_P(GroupContract, PassesOverAMemberWithoutRoom) {
  begin();
  TestAgent full, free;
  join(full, "workers");
  join(free, "workers");
  full.full = true;
  for (const char* text : {"1", "2", "3"}) submit(text);
  EXPECT_TRUE(until([&] { return free.texts.size() >= 3; }));
  EXPECT_EQ(free.texts, (Texts{"1", "2", "3"}));
  EXPECT_FALSE(full.ended);
}

TEST_P(GroupContract, AMemberThatLeftGetsNothingMore) {
  begin();
  TestAgent gone, stays;
  join(gone, "workers");
  join(stays, "workers");
  gone.subscription.reset();
  gone.subscription.reset();
  EXPECT_EQ(agents().stats(0).agents, 1u);
  for (const char* text : {"1", "2", "3"}) submit(text);
  EXPECT_TRUE(until([&] { return stays.texts.size() >= 3; }));
  EXPECT_EQ(gone.texts, Texts{});
}

size_t count(const TestAgent& agent, const std::string& text) {
  return static_cast<size_t>(std::count(agent.texts.begin(), agent.texts.end(), text));
}

TEST_P(GroupContract, DeliversAgainWhatIsNotAcknowledgedInTime) {
  limits_.ack_wait = 300ms;
  begin();
  TestAgent agent;
  join(agent, "workers");
  submit("1");
  ASSERT_TRUE(until([&] { return agent.texts == (Texts{"1", "1"}); }));
  EXPECT_EQ(agent.ids[0], agent.ids[1]);
  EXPECT_EQ(acknowledge({agent.ids[0]}, "workers"), 1u);
}

TEST_P(GroupContract, PutsOffWhatIsWorkedOn) {
  limits_.ack_wait = 600ms;
  begin();
  TestAgent agent;
  join(agent, "workers");
  submit("slow");
  submit("lost");
  ASSERT_TRUE(until([&] { return agent.texts.size() == 2; }));
  const Texts slow{agent.ids[0]};
  EXPECT_TRUE(until([&] {
    EXPECT_EQ(working(slow, "workers"), 1u);
    return count(agent, "lost") >= 3;
  }));
  EXPECT_EQ(count(agent, "slow"), 1u);
  EXPECT_EQ(agents().stats(0).unacknowledged >= 1, true);
  // Nobody says it any more.
  EXPECT_TRUE(until([&] { return count(agent, "slow") == 2; }));
  EXPECT_EQ(acknowledge(slow, "workers"), 1u);
}

TEST_P(GroupContract, BeingWorkedOnIsNoDelivery) {
  limits_.ack_wait = 400ms;
  begin();
  TestAgent agent;
  join(agent, "workers");
  submit("1");
  ASSERT_TRUE(until([&] { return agent.texts.size() == 1; }));
  // More often than a message is delivered before it is given up.
  for (int i = 0; i < 3 * GroupMembers::kDeliveriesMax; ++i) EXPECT_EQ(working(agent.ids, "workers"), 1u);
  EXPECT_TRUE(until([&] { return agent.texts.size() == 2; }));
  EXPECT_EQ(acknowledge({agent.ids[0]}, "workers"), 1u);
}

TEST_P(GroupContract, PutsOffOnlyWhatIsOpenInThatGroup) {
  begin();
  TestAgent one, two, red;
  join(one, "one");
  join(two, "two");
  join(red, "one", "red");
  submit("1");
  ASSERT_TRUE(until([&] { return one.texts.size() == 1 && two.texts.size() == 1; }));
  EXPECT_EQ(working({"never", "1-1", "-", "", one.ids[0]}, "one"), 1u);
  EXPECT_EQ(working({}, "one"), 0u);
  EXPECT_EQ(working(one.ids, "one", "red"), 0u);
  EXPECT_EQ(acknowledge(one.ids, "one"), 1u);
  EXPECT_EQ(working(one.ids, "one"), 0u);
  EXPECT_EQ(working(two.ids, "two"), 1u);
  const auto nobody = try_working(two.ids, "three");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Errc::not_found);
}

// Without the stream nothing in Redis could hold what a group has not acknowledged.
class GroupWithoutInbox : public EngineTest {};

TEST_F(GroupWithoutInbox, IsRefused) {
  const auto instance = start(EngineUnderTest::redis);
  TestAgent agent;
  const auto joined = try_subscribe(*instance, agent, "workers");
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, Errc::failed_precondition);
  const auto closed = ask<size_t>([&](Done<size_t> done) {
    instance->agents().acknowledge({0, "workers", ""}, {"1-1"}, std::move(done));
  });
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::not_found);
}

}  // namespace
}  // namespace gw
