#include "engine/memory/agent_delivery.h"

#include <gtest/gtest.h>

#include "engine/memory/client_delivery.h"

namespace gw::memory {
namespace {

// An agent's stream that remembers what came, and can be full.
class Agent : public AgentSink {
 public:
  bool deliver(std::string_view id, std::string_view envelope) override {
    if (full) return false;
    ids.emplace_back(id);
    envelopes.emplace_back(envelope);
    return true;
  }
  void fell_behind() override { ended = true; }
  std::vector<std::string> ids;
  std::vector<std::string> envelopes;
  bool full = false;
  bool ended = false;
  const std::shared_ptr<AgentSink> self{this, [](AgentSink*) {}};
  SubscriptionHandle subscription;
};

using Texts = std::vector<std::string>;

class MemoryAgentDelivery : public testing::Test {
 protected:
  static AgentDeliveryOptions options() {
    AgentDeliveryOptions o;
    o.queue.messages = 3;
    o.queue.age = 300s;
    return o;
  }
  MemoryAgentDelivery() {
    clients_.attach({.publish =
                         [this](const Publication& p) {
                           to_clients_.push_back(p.message);
                           return Result<void>();
                         },
                     .send = [](const ConnectionHandle&, std::string_view) { return Result<void>(); }});
  }
  // published, queued, duplicate or the error's name.
  std::string submit(const std::string& text, std::optional<std::string> dedupe = {},
                     const std::string& tenant = "", uint64_t sender = 1) {
    std::string outcome = "no answer";
    AgentMessage message{0,     tenant, "m" + std::to_string(++last_id_), text, std::move(dedupe), false,
                         false, sender};
    agents_.submit(std::move(message), [&](Result<Submitted> r) {
      constexpr const char* kNames[] = {"published", "queued", "duplicate"};
      outcome = r ? kNames[static_cast<size_t>(r->outcome)] : to_string(r.error().code);
    });
    return outcome;
  }
  void subscribe(Agent& agent, const std::string& group = "", const std::string& tenant = "") {
    bool subscribed = false;
    const size_t before = agent.envelopes.size();
    agent.subscription = agents_.subscribe({0, group, tenant}, agent.self, [&](const Result<void>& r) {
      EXPECT_EQ(agent.envelopes.size(), before) << "nothing comes before the answer";
      subscribed = r.has_value();
    });
    EXPECT_TRUE(subscribed);
  }
  // How many this sender can leave waiting.
  size_t fill(const std::string& tenant, uint64_t sender) {
    size_t queued = 0;
    while (submit("waits", {}, tenant, sender) == "queued") ++queued;
    return queued;
  }
  size_t acknowledge(const std::string& group, const Texts& ids) {
    size_t closed = 999;
    agents_.acknowledge({0, group, ""}, ids, [&](Result<size_t> r) { closed = r ? *r : 0; });
    return closed;
  }

  const ChannelTable channels_{{"guide"}};
  EventLoop loop_;
  AgentDelivery agents_{loop_, channels_, options()};
  ClientDelivery clients_{agents_, "gw-1"};
  Texts to_clients_;
  int last_id_ = 0;
};

TEST_F(MemoryAgentDelivery, DeliversToEverySubscriber) {
  Agent a, b;
  subscribe(a);
  subscribe(b);
  EXPECT_EQ(submit("hello"), "published");
  EXPECT_EQ(a.envelopes, Texts{"hello"});
  EXPECT_EQ(b.envelopes, Texts{"hello"});
}

TEST_F(MemoryAgentDelivery, QueuesWithoutAnAgentAndDeliversInOrderWhenOneComes) {
  EXPECT_EQ(submit("1"), "queued");
  EXPECT_EQ(submit("2"), "queued");
  EXPECT_EQ(submit("3"), "queued");
  EXPECT_EQ(submit("4"), "resource_exhausted");
  EXPECT_EQ(agents_.stats(0).queue_size, 3u);
  Agent agent;
  subscribe(agent);
  EXPECT_EQ(agent.envelopes, (Texts{"1", "2", "3"}));
  EXPECT_EQ(agents_.stats(0).queue_size, 0u);
  EXPECT_EQ(agents_.stats(0).queue_bytes, 0u);
  EXPECT_EQ(submit("5"), "published");
}

TEST_F(MemoryAgentDelivery, BoundsTheQueueInBytes) {
  AgentDeliveryOptions o;
  o.queue.bytes = 10;
  AgentDelivery small(loop_, channels_, o);
  Errc code{};
  small.submit({0, "", "m1", "12345678", {}}, [](Result<Submitted> r) { EXPECT_TRUE(r); });
  small.submit({0, "", "m2", "12345678", {}}, [&](Result<Submitted> r) { code = r.error().code; });
  EXPECT_EQ(code, Errc::resource_exhausted);
}

TEST_F(MemoryAgentDelivery, DropsWhatHasWaitedTooLong) {
  submit("old");
  agents_.tick(loop_.now() + 301s);
  Agent agent;
  subscribe(agent);
  EXPECT_EQ(agent.envelopes, Texts{});
  EXPECT_EQ(agents_.stats(0).queue_bytes, 0u);
}

TEST_F(MemoryAgentDelivery, TakesAnIdOnceButARefusedOneAgain) {
  Agent agent;
  subscribe(agent);
  EXPECT_EQ(submit("a", "k1"), "published");
  EXPECT_EQ(submit("a", "k1"), "duplicate");
  agent.subscription.reset();
  EXPECT_EQ(submit("q1"), "queued");
  EXPECT_EQ(submit("q2"), "queued");
  EXPECT_EQ(submit("q3", "k2"), "queued");
  EXPECT_EQ(submit("q4", "k3"), "resource_exhausted");
  EXPECT_EQ(submit("q3", "k2"), "duplicate");
  subscribe(agent);
  EXPECT_EQ(submit("q4", "k3"), "published");
  EXPECT_EQ(agent.envelopes, (Texts{"a", "q1", "q2", "q3", "q4"}));
}

TEST_F(MemoryAgentDelivery, GivesEachMessageToOneMemberOfAGroup) {
  Agent a, b, all;
  subscribe(a, "workers");
  subscribe(b, "workers");
  subscribe(all);
  for (const char* text : {"1", "2"}) submit(text);
  EXPECT_EQ(a.envelopes, Texts{"1"});
  EXPECT_EQ(b.envelopes, Texts{"2"});
  EXPECT_EQ(all.envelopes, (Texts{"1", "2"}));
}

TEST_F(MemoryAgentDelivery, DeliversAgainWhatAGroupDidNotAcknowledge) {
  Agent a, b;
  subscribe(a, "workers");
  submit("1");
  submit("2");
  EXPECT_EQ(acknowledge("workers", {a.ids[0]}), 1u);
  EXPECT_EQ(acknowledge("workers", {a.ids[0]}), 0u);
  a.subscription.reset();  // it died with "2" in its hands
  subscribe(b, "workers");
  agents_.tick(loop_.now() + 29s);
  EXPECT_EQ(b.envelopes, Texts{});
  agents_.tick(loop_.now() + 31s);
  EXPECT_EQ(b.envelopes, Texts{"2"});
  EXPECT_EQ(b.ids, Texts{a.ids[1]});
}

TEST_F(MemoryAgentDelivery, GivesUpAfterFiveDeliveries) {
  Agent agent;
  subscribe(agent, "workers");
  submit("poison");
  for (int i = 1; i <= 10; ++i) agents_.tick(loop_.now() + i * 31s);
  EXPECT_EQ(agent.envelopes.size(), 5u);
  EXPECT_EQ(agents_.stats(0).unacknowledged, 0u);
}

TEST_F(MemoryAgentDelivery, AGroupThatAcknowledgesNothingHoldsNobodyBack) {
  Agent idle, idle_red, healthy;
  subscribe(idle, "idle");
  subscribe(idle_red, "idle", "red");
  subscribe(healthy);
  Texts expected;
  for (int i = 0; i < 30; ++i) {
    expected.push_back(std::to_string(i));
    EXPECT_EQ(submit(expected.back(), {}, "red"), "published");
  }
  EXPECT_EQ(healthy.envelopes, expected);
  EXPECT_EQ(agents_.stats(0).unacknowledged, 24u) << "four times queue-size for each group";
  bool published = false;
  clients_.publish({0, "", "realm", "{}", "envelope", "p1"},
                   [&](const Result<Missed>& r) { published = r.has_value(); });
  EXPECT_TRUE(published);
  EXPECT_EQ(to_clients_, Texts{"{}"});
  agents_.tick(loop_.now());
  EXPECT_EQ(agents_.stats(0).dead_letters_total, 37u);
  EXPECT_EQ(acknowledge("idle", {idle.ids.front()}), 0u) << "the oldest went";
  EXPECT_EQ(acknowledge("idle", {idle.ids.back()}), 1u);
}

TEST_F(MemoryAgentDelivery, AllThatWaitsFitsIntoAGroupThatComes) {
  EXPECT_EQ(fill("", 1), 3u);
  EXPECT_GT(fill("", 2), 0u);
  EXPECT_GT(fill("red", 3), 0u);
  const size_t waiting = agents_.stats(0).queue_size;
  Agent agent;
  subscribe(agent, "workers");
  EXPECT_EQ(agent.envelopes.size(), waiting);
  agents_.tick(loop_.now());
  EXPECT_EQ(agents_.stats(0).unacknowledged, waiting);
  EXPECT_EQ(agents_.stats(0).dead_letters_total, 0u);
}

TEST_F(MemoryAgentDelivery, WhatIsOpenTooLongIsGivenUp) {
  Agent agent;
  subscribe(agent, "workers");
  submit("1");
  agent.full = true;  // else it is delivered too often before
  agents_.tick(loop_.now() + 299s);
  EXPECT_EQ(agents_.stats(0).unacknowledged, 1u);
  agents_.tick(loop_.now() + 301s);
  EXPECT_EQ(agents_.stats(0).unacknowledged, 0u);
  EXPECT_EQ(agents_.stats(0).dead_letters_total, 1u);
}

TEST_F(MemoryAgentDelivery, AGroupWithoutMembersHoldsNothingAfterTenMinutes) {
  AgentDeliveryOptions options;
  options.queue.age = 24h;
  AgentDelivery patient(loop_, channels_, options);
  {
    Agent agent;
    const auto subscription = patient.subscribe({0, "workers", ""}, agent.self, [](const Result<void>&) {});
    patient.submit({0, "", "m1", "text", {}}, [](const Result<Submitted>& r) { EXPECT_TRUE(r); });
  }
  patient.tick(loop_.now() + 599s);
  EXPECT_EQ(patient.stats(0).unacknowledged, 1u);
  patient.tick(loop_.now() + 601s);
  EXPECT_EQ(patient.stats(0).unacknowledged, 0u);
  EXPECT_EQ(patient.stats(0).dead_letters_total, 1u);
}

TEST_F(MemoryAgentDelivery, AChannelHasSoManyGroupsOfATenant) {
  std::vector<std::unique_ptr<Agent>> agents;
  const auto join = [&](const std::string& group, const std::string& tenant) {
    agents.push_back(std::make_unique<Agent>());
    std::string outcome;
    agents.back()->subscription =
        agents_.subscribe({0, group, tenant}, agents.back()->self,
                          [&](const Result<void>& r) { outcome = r ? "joined" : to_string(r.error().code); });
    return outcome;
  };
  for (int i = 0; i < 100; ++i) ASSERT_EQ(join("g" + std::to_string(i), "red"), "joined");
  EXPECT_EQ(join("one too many", "red"), "resource_exhausted");
  EXPECT_EQ(join("g7", "red"), "joined");
  EXPECT_EQ(join("one too many", "blue"), "joined");
  EXPECT_EQ(join("one too many", ""), "joined");
  agents.clear();
  EXPECT_EQ(join("one too many", "red"), "joined") << "what holds nothing is no group";
}

TEST_F(MemoryAgentDelivery, NobodyUsesUpTheQueueThatOthersNeed) {
  EXPECT_EQ(fill("red", 1), 3u);
  EXPECT_GE(fill("red", 2), 1u) << "another client of the tenant";
  for (uint64_t sender = 3; sender < 50; ++sender) fill("red", sender);
  EXPECT_GE(fill("blue", 50), 1u) << "another tenant";
  EXPECT_LE(agents_.stats(0).queue_size, 12u);
  EXPECT_EQ(agents_.stats(0, "blue").queue_size + agents_.stats(0, "red").queue_size,
            agents_.stats(0).queue_size);
  EXPECT_EQ(agents_.stats(0, "green").queue_size, 0u);
  EXPECT_EQ(agents_.stats(0, "green").queue_bytes, 0u);
}

TEST_F(MemoryAgentDelivery, ShowsATenantsAgentsThatTenantAlone) {
  Agent red, any;
  subscribe(red, "", "red");
  subscribe(any);
  submit("r", {}, "red");
  submit("b", {}, "blue");
  submit("n");
  EXPECT_EQ(red.envelopes, Texts{"r"});
  EXPECT_EQ(any.envelopes, (Texts{"r", "b", "n"}));
  red.subscription.reset();
}

TEST_F(MemoryAgentDelivery, KeepsATenantsQueueOutOfAnothersReach) {
  EXPECT_EQ(submit("for red", {}, "red"), "queued");
  EXPECT_EQ(submit("for blue", {}, "blue"), "queued");
  Agent blue, red;
  subscribe(blue, "", "blue");
  EXPECT_EQ(blue.envelopes, Texts{"for blue"});
  subscribe(red, "", "red");
  EXPECT_EQ(red.envelopes, Texts{"for red"});
}

TEST_F(MemoryAgentDelivery, PublishesToClientsAndAgentsAndQueuesNothing) {
  Agent agent;
  subscribe(agent);
  Publication publication{0, "", "realm", "{\"a\":1}", "envelope", "p1"};
  bool done = false;
  clients_.publish(publication, [&](const Result<Missed>& r) { done = r.has_value(); });
  EXPECT_TRUE(done);
  EXPECT_EQ(to_clients_, Texts{"{\"a\":1}"});
  EXPECT_EQ(agent.envelopes, Texts{"envelope"});
}

TEST_F(MemoryAgentDelivery, EndsAnAgentThatRefusedWhatOthersTook) {
  Agent quick, slow;
  subscribe(quick);
  subscribe(slow);
  slow.full = true;
  EXPECT_EQ(submit("1"), "published");
  EXPECT_EQ(quick.envelopes, Texts{"1"});
  EXPECT_TRUE(slow.ended);
  EXPECT_FALSE(quick.ended);
}

TEST_F(MemoryAgentDelivery, QueuesWhenTheOnlyAgentTakesNoMore) {
  Agent agent;
  agent.full = true;
  subscribe(agent);
  EXPECT_EQ(submit("1"), "queued");
  EXPECT_FALSE(agent.ended);
  agent.subscription.reset();
  Agent next;
  subscribe(next);
  EXPECT_EQ(next.envelopes, Texts{"1"});
}

}  // namespace
}  // namespace gw::memory
