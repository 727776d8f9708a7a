// What agents are promised that come and go at any moment, on both engines. Memory errors that these
// would provoke show under the address sanitizer.
#include <random>

#include "engine/contract_testing.h"

namespace gw {
namespace {

class SubscriptionContract : public EngineContract {
 protected:
  Texts groups() const {
    const bool has_groups = GetParam() == EngineUnderTest::memory || has_inbox(GetParam());
    return has_groups ? Texts{"", "workers", "others"} : Texts{""};
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, SubscriptionContract,
                         testing::Values(EngineUnderTest::memory, EngineUnderTest::redis,
                                         EngineUnderTest::redis_with_inbox, EngineUnderTest::redis_sentinel,
                                         EngineUnderTest::redis_cluster,
                                         EngineUnderTest::redis_cluster_with_inbox,
                                         EngineUnderTest::redis_partitioned,
                                         EngineUnderTest::redis_divided_cluster),
                         name_of);

TEST_P(SubscriptionContract, MayEndFromWithinItsOwnAnswer) {
  begin();
  for (const std::string& group : groups()) {
    submit(*instance_, message("waits"));
    TestAgent agent;
    bool answered = false;
    agent.subscription = instance_->agents().subscribe({0, group, ""}, agent.self, [&](const Result<void>&) {
      answered = true;
      agent.subscription.reset();
    });
    ASSERT_TRUE(until([&] { return answered; }));
    agent.subscription.reset();  // the memory engine answers within the call
    settle(*instance_);
    EXPECT_EQ(instance_->agents().stats(0).agents, 0u) << "group '" << group << "'";
  }
}

TEST_P(SubscriptionContract, IsNotAnsweredOnceItHasEnded) {
  begin();
  for (const std::string& group : groups()) {
    TestAgent agent;
    bool ended = false, answered_late = false;
    agent.subscription = instance_->agents().subscribe({0, group, ""}, agent.self,
                                                       [&](const Result<void>&) { answered_late = ended; });
    agent.subscription.reset();
    ended = true;
    EXPECT_EQ(instance_->agents().stats(0).agents, 0u);
    settle(*instance_);
    settle(*instance_);
    EXPECT_FALSE(answered_late);
  }
}

// An agent that asserts that it is called only between its answer and its end.
class StrictAgent : public AgentSink {
 public:
  bool deliver(std::string_view, std::string_view) override {
    EXPECT_TRUE(answered) << "a message came before the answer";
    return !full;
  }
  void fell_behind() override { subscription.reset(); }
  bool answered = false;
  bool full = false;
  SubscriptionHandle subscription;
};

TEST_P(SubscriptionContract, AgentsComeAndGoWhileMessagesArrive) {
  limits_.queue.messages = 1000;
  begin();
  std::mt19937 random(20'240'817);
  const auto chance = [&](unsigned in) { return random() % in == 0; };
  const Texts names = groups();
  std::vector<std::shared_ptr<StrictAgent>> agents;
  for (int step = 0; step < 2000; ++step) {
    if (agents.size() < 4 && chance(2)) {
      auto agent = std::make_shared<StrictAgent>();
      agent->full = chance(3);
      agent->subscription = instance_->agents().subscribe(
          {0, names[random() % names.size()], ""}, agent,
          [weak = std::weak_ptr(agent), leave = chance(4)](const Result<void>&) {
            const auto self = weak.lock();
            ASSERT_TRUE(self) << "answered although it has ended";
            self->answered = true;
            if (leave) self->subscription.reset();
          });
      agents.push_back(std::move(agent));
    }
    if (!agents.empty() && chance(3))
      agents.erase(agents.begin() + static_cast<ptrdiff_t>(random() % agents.size()));
    if (chance(2)) instance_->agents().submit(message("x"), [](const Result<Submitted>&) {});
    if (chance(3)) loop_.turn(0ms);
  }
  agents.clear();
  settle(*instance_);
  EXPECT_EQ(instance_->agents().stats(0).agents, 0u);
}

}  // namespace
}  // namespace gw
