// What two instances do while the cluster under them changes: a slot moves, a master gives way or is killed,
// a shard is away.
#include "engine/contract_testing.h"

namespace gw {
namespace {

using redis::TestCluster;

class ClusterFaults : public EngineTest {
 protected:
  static constexpr uint16_t kSlot = 100, kOtherSlot = 8000;  // of the first node, and of the second
  static constexpr size_t kFrom = 0, kTo = 1, kReplica = 3;

  ClusterFaults() {
    limits_.queue.messages = 10'000;
    key_prefix_ += TestCluster::tag_of(kSlot) + ":";
  }
  void begin() {
    a_ = start_on_cluster("gw-a");
    b_ = start_on_cluster("gw-b");
    subscribe(*b_, agent_, "workers");
  }
  std::unique_ptr<TestInstance> start_on_cluster(const std::string& name) {
    redis::EngineOptions options = redis_options(EngineUnderTest::redis_with_inbox, name);
    options.urls = {cluster_.url()};
    options.key_prefix = key_prefix_;
    return start(std::make_unique<redis::Engine>(loop_, channels_, options));
  }
  // One more message; what became of it is in outcomes_.
  void submit_next() {
    const std::string text = std::to_string(expected_.size());
    expected_.push_back(text);
    const Slot<Submitted> slot = this->slot<Submitted>();
    a_->agents().submit(message(text), into<Submitted>(slot));
    outcomes_.push_back(slot);
    ++sent_;
  }
  // Some in a second, as long as it takes.
  template <class Condition>
  bool submit_until(const Condition& holds) {
    const auto traffic = loop_.every(5ms, [this] { submit_next(); });
    return until(holds);
  }
  bool submit_more(size_t count) {
    return submit_until([this, end = sent_ + count] { return sent_ >= end; });
  }
  // Of those that have been answered.
  size_t queued() const {
    return static_cast<size_t>(std::count_if(outcomes_.begin(), outcomes_.end(), [](const auto& slot) {
      return slot->has_value() && outcome_of(**slot) == "queued";
    }));
  }
  void expect_all_once() {
    EXPECT_TRUE(all_answered(outcomes_));
    EXPECT_TRUE(until([&] { return agent_.texts.size() >= expected_.size(); }));
    settle(*a_);
    settle(*b_);
    EXPECT_EQ(agent_.texts, expected_);
    for (const auto& slot : outcomes_) {
      const std::string outcome = outcome_of(**slot);
      EXPECT_TRUE(outcome == "published" || outcome == "queued") << outcome;
    }
  }
  bool works() { return probe(*a_).has_value() && probe(*b_).has_value(); }
  std::string offset(size_t node, std::string_view field) {
    return std::string(redis::info_field(cluster_.ask(node, {"INFO", "replication"}), field));
  }
  // What was answered is on the replica, which takes over.
  void wait_for_replica() {
    EXPECT_TRUE(
        until([&] { return offset(kFrom, "master_repl_offset") == offset(kReplica, "slave_repl_offset"); }));
  }

  TestCluster cluster_{1500};
  std::unique_ptr<TestInstance> a_, b_;
  TestAgent agent_;
  Texts expected_;
  std::vector<Slot<Submitted>> outcomes_;
  size_t sent_ = 0;
};

TEST_F(ClusterFaults, ASlotMovesKeyByKeyUnderTraffic) {
  begin();
  ASSERT_TRUE(submit_more(20));
  cluster_.begin_migration(kSlot, kFrom, kTo);
  for (const std::string& key : cluster_.keys_in(kSlot, kFrom)) {
    cluster_.move_key(key, kFrom, kTo);
    ASSERT_TRUE(submit_more(3));
  }
  EXPECT_TRUE(cluster_.keys_in(kSlot, kFrom).empty()) << "nothing begins on a half";
  cluster_.end_migration(kSlot, kFrom, kTo);
  EXPECT_TRUE(submit_until([&] { return works(); }));
  ASSERT_TRUE(submit_more(20));
  expect_all_once();
  EXPECT_GT(queued(), 0U);
  EXPECT_EQ(cluster_.master_of(kSlot), kTo);
}

TEST_F(ClusterFaults, AMasterGivesWay) {
  begin();
  ASSERT_TRUE(submit_more(20));
  ASSERT_EQ(cluster_.ask(kReplica, {"CLUSTER", "FAILOVER"}), "OK");
  EXPECT_TRUE(submit_until([&] { return cluster_.master_of(kSlot) == kReplica && works(); }));
  ASSERT_TRUE(submit_more(20));
  expect_all_once();
}

TEST_F(ClusterFaults, AMasterIsKilledAndItsReplicaTakesOver) {
  begin();
  ASSERT_TRUE(submit_more(20));
  expect_all_once();
  wait_for_replica();
  cluster_.kill(kFrom);
  EXPECT_TRUE(submit_until([&] { return works(); }));
  EXPECT_GT(queued(), 0U);
  ASSERT_TRUE(submit_more(20));
  expect_all_once();
  EXPECT_EQ(cluster_.master_of(kSlot), kReplica);
}

TEST_F(ClusterFaults, AMasterFallsSilentAndItsReplicaTakesOver) {
  begin();
  ASSERT_TRUE(submit_more(20));
  expect_all_once();
  wait_for_replica();
  cluster_.stop(kFrom);
  EXPECT_TRUE(submit_until([&] { return works(); }));
  cluster_.go_on(kFrom);
  ASSERT_TRUE(submit_more(20));
  expect_all_once();
}

TEST_F(ClusterFaults, AShardThatIsAwayConcernsNobodyElse) {
  begin();
  const size_t away = cluster_.master_of(kOtherSlot), its_replica = away + TestCluster::kMasters;
  cluster_.stop(its_replica);
  cluster_.stop(away);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(submit_more(10));
    ASSERT_TRUE(works()) << i;
  }
  EXPECT_EQ(queued(), 0U);
  expect_all_once();
  EXPECT_EQ(a_->losses + b_->losses, 0);
}

// As a script would be sent that declares what it knows before it runs, with and without the guard.
class ClusterGuard : public testing::Test {
 protected:
  static constexpr uint16_t kSlot = 200;

  ClusterGuard() : prefix_("guarded:" + TestCluster::tag_of(kSlot) + ":") {
    for (const char* name : {"stays", "goes"}) cluster_.ask(0, {"SET", prefix_ + name, "before"});
    cluster_.begin_migration(kSlot, 0, 1);
    cluster_.move_key(prefix_ + "goes", 0, 1);
  }
  // It writes one name that it declares, then one that it makes itself.
  std::string run(const std::string& guard_key) {
    const redis::Script script({.keys = {"stays"}, .arguments = {"prefix"}}, R"lua(
redis.call('SET', stays, 'after')
redis.call('SET', prefix .. 'goes', 'after')
return 'done'
)lua");
    const std::string stays = prefix_ + "stays";
    std::vector<std::string> words;
    for (const std::string_view word : script.call({{"stays", stays}, {"prefix", prefix_}}, {}, guard_key)) {
      words.emplace_back(word);
    }
    words[0] = "EVAL";
    words[1] = script.source(!guard_key.empty());
    return cluster_.ask(0, words);
  }

  const TestCluster& cluster_ = TestCluster::shared();  // nobody else uses the slot
  const std::string prefix_;
};

TEST_F(ClusterGuard, KeepsAScriptFromBeginningWhereItWouldStopInTheMiddle) {
  const std::string refused = run(prefix_ + "moving");
  EXPECT_TRUE(refused.starts_with("!TRYAGAIN")) << refused;
  EXPECT_EQ(cluster_.ask(0, {"GET", prefix_ + "stays"}), "before");
  const std::string stopped = run("");
  EXPECT_NE(stopped.find("non local key"), std::string::npos) << stopped;
  EXPECT_EQ(cluster_.ask(0, {"GET", prefix_ + "stays"}), "after") << "the half that the guard prevents";
}

}  // namespace
}  // namespace gw
