// What the delivery to agents and to clients promises, on both engines.
#include "engine/contract_testing.h"

namespace gw {
namespace {

class DeliveryContract : public EngineContract {
 protected:
  std::string submit(const std::string& text, const std::string& tenant = "",
                     std::optional<std::string> dedupe = {}, bool everywhere = false) {
    return EngineTest::submit(*instance_, message(text, tenant, std::move(dedupe), everywhere));
  }
  void subscribe(TestAgent& agent, const std::string& tenant = "") {
    EngineTest::subscribe(*instance_, agent, "", tenant);
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, DeliveryContract, testing::ValuesIn(kEngines), name_of);

TEST_P(DeliveryContract, DeliversToEverySubscriber) {
  begin();
  TestAgent a, b;
  subscribe(a);
  subscribe(b);
  EXPECT_EQ(agents().stats(0).agents, 2u);
  EXPECT_EQ(agents().stats(1).agents, 0u);
  EXPECT_EQ(submit("hello"), "published");
  EXPECT_TRUE(until([&] { return a.texts == Texts{"hello"} && b.texts == Texts{"hello"}; }));
  EXPECT_EQ(a.ids, Texts{"m1"});
}

// While it runs: its agents, publications and counts are those of any other.
TEST_P(DeliveryContract, AChannelThatIsAddedIsServed) {
  begin();
  TestAgent before;
  subscribe(before);
  const ChannelIndex added = channels_.add("added");
  instance_->engine().add_channel(added);

  TestAgent agent;
  EXPECT_TRUE(ask<void>([&](Done<void> done) {
    agent.subscription = agents().subscribe({added, "", ""}, agent.self, std::move(done));
  }));
  AgentMessage to_it = message("for the new one");
  to_it.channel = added;
  EXPECT_EQ(EngineTest::submit(*instance_, to_it), "published");
  EXPECT_TRUE(until([&] { return agent.texts == Texts{"for the new one"}; }));
  EXPECT_TRUE(before.texts.empty());

  const Publication publication{added, "", "realm", R"({"n":1})", envelope("p", ""), "p"};
  EXPECT_TRUE(ask<Missed>([&](Done<Missed> done) { clients().publish(publication, std::move(done)); }));
  ASSERT_TRUE(until([&] { return instance_->published.size() == 1; }));
  EXPECT_EQ(instance_->published[0].channel, added);
  const auto counts = ask<ConnectionCounts>(
      [&](Done<ConnectionCounts> done) { registry().count("", false, std::move(done)); });
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->by_channel.at("added"), 0u);
}

TEST_P(DeliveryContract, LeavesEveryByteAsItIs) {
  begin();
  TestAgent agent;
  subscribe(agent);
  AgentMessage odd = message("");
  odd.envelope = "{ \"message_id\":\"" + odd.message_id +
                 "\", \"a\" : 1.0e5,\"b\":\"\\u00e9\\ud83d\\ude00 é😀 \\r\\n\",\"text\":\"" +
                 std::string(100'000, 'x') + "\"}";
  const std::string expected = odd.envelope;
  EXPECT_EQ(EngineTest::submit(*instance_, odd), "published");
  ASSERT_TRUE(until([&] { return !agent.envelopes.empty(); }));
  EXPECT_EQ(agent.envelopes[0], expected);

  const std::string said = "{ \"n\" : 0.10 ,\"s\":\"\\u0041\\/\",\"n\":2}";
  const Publication publication{0, "", "realm", said, envelope("p", ""), "p"};
  EXPECT_TRUE(ask<Missed>([&](Done<Missed> done) { clients().publish(publication, std::move(done)); }));
  ASSERT_TRUE(until([&] { return !instance_->published.empty(); }));
  EXPECT_EQ(instance_->published[0].message, said);
}

TEST_P(DeliveryContract, KeepsTheOrderOfManyAtOnce) {
  begin();
  TestAgent agent;
  subscribe(agent);
  Texts expected;
  std::vector<Slot<Submitted>> answers;
  for (int i = 0; i < 500; ++i) {
    expected.push_back(std::to_string(i));
    answers.push_back(slot<Submitted>());
    agents().submit(message(expected.back()), into<Submitted>(answers.back()));
  }
  EXPECT_TRUE(until([&] { return agent.texts.size() >= expected.size(); }));
  settle(*instance_);
  EXPECT_EQ(agent.texts, expected);
  for (const auto& answer : answers) EXPECT_EQ(outcome_of(**answer), "published");
}

TEST_P(DeliveryContract, QueuesWithoutAnAgentAndDeliversInOrderWhenOneComes) {
  begin();
  EXPECT_EQ(submit("1"), "queued");
  EXPECT_EQ(submit("2"), "queued");
  EXPECT_EQ(submit("3"), "queued");
  EXPECT_EQ(submit("4"), "resource_exhausted");
  EXPECT_EQ(agents().stats(0).queue_size, 3u);
  EXPECT_EQ(agents().stats(0).queue_max, 3u);
  EXPECT_EQ(agents().stats(0).queue_bytes, 3 * envelope("m1", "1").size());
  EXPECT_EQ(agents().stats(1).queue_size, 0u);
  TestAgent agent;
  subscribe(agent);
  EXPECT_TRUE(until([&] { return agent.texts.size() >= 3 && agents().stats(0).queue_size == 0; }));
  EXPECT_EQ(agents().stats(0).queue_bytes, 0u);
  EXPECT_EQ(submit("5"), "published");
  EXPECT_TRUE(until([&] { return agent.texts.size() >= 4; }));
  EXPECT_EQ(agent.texts, (Texts{"1", "2", "3", "5"}));
}

TEST_P(DeliveryContract, WhatComesLaterDoesNotOvertakeWhatWaits) {
  limits_.queue.messages = 100;
  begin();
  EXPECT_EQ(submit("0"), "queued");
  TestAgent agent;
  const auto subscribed = slot<void>();
  agent.subscription = agents().subscribe({0, "", ""}, agent.self, into<void>(subscribed));
  Texts expected{"0"};
  std::vector<Slot<Submitted>> answers;
  for (int i = 1; i < 50; ++i) {
    expected.push_back(std::to_string(i));
    answers.push_back(slot<Submitted>());
    agents().submit(message(expected.back()), into<Submitted>(answers.back()));
    loop_.turn(0ms);
  }
  EXPECT_TRUE(until([&] { return agent.texts.size() >= expected.size(); }));
  EXPECT_EQ(agent.texts, expected);
}

TEST_P(DeliveryContract, BoundsTheQueueInBytes) {
  limits_.queue.bytes = 100;
  begin();
  EXPECT_EQ(submit(std::string(60, 'a')), "queued");
  EXPECT_EQ(submit(std::string(60, 'b')), "resource_exhausted");
  EXPECT_EQ(agents().stats(0).queue_size, 1u);
}

TEST_P(DeliveryContract, DropsWhatHasWaitedTooLong) {
  limits_.queue.age = 100ms;
  begin();
  EXPECT_EQ(submit("old"), "queued");
  EXPECT_TRUE(until([&] { return agents().stats(0).queue_size == 0; }));
  EXPECT_EQ(agents().stats(0).queue_bytes, 0u);
  TestAgent agent;
  subscribe(agent);
  EXPECT_EQ(submit("new"), "published");
  EXPECT_TRUE(until([&] { return !agent.texts.empty(); }));
  EXPECT_EQ(agent.texts, Texts{"new"});
}

TEST_P(DeliveryContract, TakesAnIdOnce) {
  begin();
  TestAgent agent;
  subscribe(agent);
  for (const bool everywhere : {false, true}) {
    const std::string key = everywhere ? "k1" : "k2";
    EXPECT_EQ(submit("a", "", key, everywhere), "published");
    EXPECT_EQ(submit("b", "", key, everywhere), "duplicate");
    EXPECT_EQ(submit("c", "", key + "'", everywhere), "published");
  }
  EXPECT_TRUE(until([&] { return agent.texts.size() >= 4; }));
  settle(*instance_);
  EXPECT_EQ(agent.texts, (Texts{"a", "c", "a", "c"}));
}

TEST_P(DeliveryContract, TakesAnIdOnceAlsoBeforeItHasAnswered) {
  begin();
  TestAgent agent;
  subscribe(agent);
  const auto first = slot<Submitted>();
  agents().submit(message("a", "", "k"), into<Submitted>(first));
  EXPECT_EQ(submit("b", "", "k"), "duplicate");
  ASSERT_TRUE(first->has_value());
  EXPECT_EQ(outcome_of(**first), "published");
  settle(*instance_);
  EXPECT_EQ(agent.texts, Texts{"a"});
}

TEST_P(DeliveryContract, TellsADuplicateWhichMessageMadeTheRun) {
  for (const bool everywhere : {false, true}) {
    key_prefix_ += "x:";
    begin();
    AgentMessage first = message("a", "", "k", everywhere);
    first.makes_run = true;
    ASSERT_TRUE(ask<Submitted>([&](Done<Submitted> done) { agents().submit(first, std::move(done)); }));
    const auto again = ask<Submitted>(
        [&](Done<Submitted> done) { agents().submit(message("b", "", "k", everywhere), std::move(done)); });
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, Submitted::duplicate_of(first.message_id));
    instance_.reset();
  }
}

TEST_P(DeliveryContract, KnowsWhetherAnIdWasTakenWithoutTakingIt) {
  begin();
  const auto find = [&](const std::string& key, bool everywhere) {
    return ask<Submitted>(
        [&](Done<Submitted> done) { agents().find_duplicate(key, everywhere, std::move(done)); });
  };
  for (const bool everywhere : {false, true}) {
    const std::string key = everywhere ? "k1" : "k2";
    EXPECT_EQ(find(key, everywhere).error().code, Errc::not_found);
    AgentMessage first = message("a", "", key, everywhere);
    first.makes_run = true;
    const auto submitted = slot<Submitted>();
    agents().submit(first, into<Submitted>(submitted));
    EXPECT_EQ(*find(key, everywhere), Submitted::duplicate_of(first.message_id)) << "also on its way";
    ASSERT_TRUE(until([&] { return submitted->has_value(); }));
    EXPECT_EQ(*find(key, everywhere), Submitted::duplicate_of(first.message_id));
  }
}

TEST_P(DeliveryContract, TakesARefusedIdAgain) {
  for (const bool everywhere : {false, true}) {
    limits_.queue.bytes = 200;
    key_prefix_ += "x:";
    begin();
    const std::string large(300, 'x');
    EXPECT_EQ(submit("q", "", "k1", everywhere), "queued");
    EXPECT_EQ(submit("q", "", "k1", everywhere), "duplicate");
    EXPECT_EQ(submit(large, "", "k2", everywhere), "resource_exhausted");
    TestAgent agent;
    subscribe(agent);
    EXPECT_TRUE(until([&] { return agents().stats(0).queue_size == 0; }));
    EXPECT_EQ(submit(large, "", "k2", everywhere), "published");
    EXPECT_TRUE(until([&] { return agent.texts == Texts{"q", large}; }));
    agent.subscription.reset();
    instance_.reset();
  }
}

// Refused although it was the first to wait: the engine has seen its id.
TEST_P(DeliveryContract, TakesARefusedIdAgainWhateverTheEngineSawOfIt) {
  for (const bool everywhere : {false, true}) {
    limits_.queue.bytes = 100;
    key_prefix_ += "x:";
    begin();
    const std::string large(300, 'x');
    EXPECT_EQ(submit(large, "", "k", everywhere), "resource_exhausted");
    EXPECT_EQ(submit(large, "", "k", everywhere), "resource_exhausted");
    TestAgent agent;
    subscribe(agent);
    EXPECT_EQ(submit(large, "", "k", everywhere), "published");
    EXPECT_TRUE(until([&] { return agent.texts == Texts{large}; }));
    agent.subscription.reset();
    instance_.reset();
  }
}

TEST_P(DeliveryContract, ShowsATenantsAgentsThatTenantAlone) {
  begin();
  TestAgent red, any;
  subscribe(red, "red");
  subscribe(any);
  EXPECT_EQ(submit("r", "red"), "published");
  EXPECT_EQ(submit("b", "blue"), "published");
  EXPECT_EQ(submit("n"), "published");
  EXPECT_TRUE(publish(*instance_, "P"));
  EXPECT_TRUE(publish(*instance_, "PR", "red"));
  EXPECT_TRUE(until([&] { return any.texts.size() >= 5; }));
  settle(*instance_);
  EXPECT_EQ(red.texts, (Texts{"r", "PR"}));
  EXPECT_EQ(any.texts, (Texts{"r", "b", "n", "P", "PR"}));
}

TEST_P(DeliveryContract, KeepsATenantsQueueOutOfAnothersReach) {
  begin();
  EXPECT_EQ(submit("for red", "red"), "queued");
  EXPECT_EQ(submit("for blue", "blue"), "queued");
  TestAgent blue, red;
  subscribe(blue, "blue");
  // On Redis the queue hears on another connection that it was taken.
  EXPECT_TRUE(until([&] { return blue.texts == Texts{"for blue"} && agents().stats(0).queue_size == 1; }));
  subscribe(red, "red");
  EXPECT_TRUE(until([&] { return red.texts == Texts{"for red"}; }));
  EXPECT_EQ(blue.texts, Texts{"for blue"});
}

TEST_P(DeliveryContract, PublishesToClientsAndAgentsAndQueuesNothing) {
  begin();
  EXPECT_TRUE(publish(*instance_, "nobody"));
  TestAgent agent;
  subscribe(agent);
  EXPECT_TRUE(publish(*instance_, "all"));
  EXPECT_TRUE(publish(*instance_, "red's", "red"));
  EXPECT_TRUE(until([&] { return instance_->published.size() >= 3 && agent.texts.size() >= 2; }));
  EXPECT_EQ(instance_->published_messages(), (Texts{"\"nobody\"", "\"all\"", "\"red's\""}));
  EXPECT_EQ(instance_->published[1].tenant_id, "");
  EXPECT_EQ(instance_->published[2].tenant_id, "red");
  EXPECT_EQ(agent.texts, (Texts{"all", "red's"}));
  EXPECT_EQ(agents().stats(0).queue_size, 0u);
}

TEST_P(DeliveryContract, SendsToAConnectionOfItsOwnInstance) {
  begin();
  const ConnectionRecord record = test_connection(nullptr, 7);
  const auto send = [&] {
    return ask<void>([&](Done<void> done) { clients().send(record, "{\"x\" :1}", std::move(done)); });
  };
  EXPECT_TRUE(send());
  ASSERT_EQ(instance_->sent.size(), 1u);
  EXPECT_EQ(instance_->sent[0].first, record.handle);
  EXPECT_EQ(instance_->sent[0].second, "{\"x\" :1}");
  instance_->shards_behind = true;
  const Result<void> refused = send();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::resource_exhausted);
}

TEST_P(DeliveryContract, TakesWhatClientsOfItsOwnPost) {
  begin();
  const auto post = [&](const std::string& instance) {
    ClientPost said{SendToken::make(ConnectionId::make(), instance), 1, true, "{\"a\":\"\\n\"}\n{}"};
    return ask<PostVerdict>([&](Done<PostVerdict> done) { clients().post(said, std::move(done)); });
  };
  const auto taken = post("gw-1");
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->kind, PostVerdict::Kind::taken);
  EXPECT_EQ(taken->next, 2u);
  ASSERT_EQ(instance_->posted.size(), 1u);
  EXPECT_EQ(instance_->posted[0].body, "{\"a\":\"\\n\"}\n{}");
  EXPECT_TRUE(instance_->posted[0].is_list);
  const auto gone = post("gw-that-never-was");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Errc::not_found);
}

TEST_P(DeliveryContract, EndsAnAgentThatRefusedWhatOthersTook) {
  begin();
  TestAgent quick, slow;
  subscribe(quick);
  subscribe(slow);
  slow.full = true;
  EXPECT_EQ(submit("1"), "published");
  EXPECT_TRUE(until([&] { return quick.texts == Texts{"1"} && slow.ended; }));
  EXPECT_FALSE(quick.ended);
}

TEST_P(DeliveryContract, AnAgentThatLeftGetsNothingMore) {
  begin();
  TestAgent gone, stays;
  subscribe(gone);
  subscribe(stays);
  gone.subscription.reset();
  gone.subscription.reset();  // nothing happens
  EXPECT_EQ(agents().stats(0).agents, 1u);
  EXPECT_EQ(submit("1"), "published");
  EXPECT_TRUE(until([&] { return stays.texts == Texts{"1"}; }));
  stays.subscription.reset();
  // It left on one connection and the next message goes on another: the second probe is behind both.
  settle(*instance_);
  settle(*instance_);
  EXPECT_EQ(submit("2"), "queued");
  EXPECT_EQ(gone.texts, Texts{});
  EXPECT_EQ(stays.texts, Texts{"1"});
}

TEST_P(DeliveryContract, SaysThatItWorks) {
  begin();
  EXPECT_TRUE(probe(*instance_));
  EXPECT_TRUE(instance_->engine().stats().connected);
  EXPECT_TRUE(until([&] { return instance_->engine().stats().pending == 0; }));
  EXPECT_EQ(instance_->losses, 0);
  EXPECT_EQ(agents().stats(0).circuit_state, "closed");
}

}  // namespace
}  // namespace gw
