// What an instance keeps of its connections' places. That others find them is the registry's tests'.
#include "engine/redis/partitioned/whereabouts.h"

#include "engine/contract_testing.h"

namespace gw::redis::partitioned {
namespace {

class WhereaboutsTest : public EngineTest {
 protected:
  WhereaboutsTest() {
    for (const auto& partition : partitions_) partition->start({[] {}, [] {}, [] {}, [] {}});
    EXPECT_TRUE(until([&] {
      return std::all_of(partitions_.begin(), partitions_.end(),
                         [](const auto& partition) { return partition->commands().is_up(); });
    }));
  }
  // One whose record is in another partition than that of its id.
  ConnectionId come() {
    ConnectionId id = ConnectionId::make();
    ++open_;
    whereabouts_.put(id, (whereabouts_.home(id) + 1) % partitions_.size(), [this] { --open_; });
    return id;
  }
  bool all_are_written() {
    return until([&] { return open_ == 0; });
  }

  PresenceCounts presence_{{}};
  const Partition::Shared shared_{loop_,
                                  channels_,
                                  nullptr,
                                  presence_,
                                  [](const ConnectionId&) { return nullptr; },
                                  [](const Partition&, const std::function<void(const SessionPtr&)>&) {}};
  const Partitions partitions_{shared_, redis_options(EngineUnderTest::redis_partitioned, "gw-a")};
  Whereabouts whereabouts_{loop_, partitions_};
  int open_ = 0;
};

TEST_F(WhereaboutsTest, KeepsNothingForLongOfConnectionsThatWent) {
  constexpr size_t kStay = 20, kGo = 5000;
  std::vector<ConnectionId> stay;
  for (size_t i = 0; i < kStay; ++i) stay.push_back(come());
  for (size_t i = 0; i < kGo; ++i) whereabouts_.forget(come());
  ASSERT_TRUE(all_are_written());
  EXPECT_TRUE(until([&] { return whereabouts_.renewals() <= 2 * kStay + 1000; })) << whereabouts_.renewals();
  EXPECT_GE(whereabouts_.renewals(), kStay) << "those are written again in time";
  for (const ConnectionId& id : stay) EXPECT_TRUE(whereabouts_.local(id));
}

}  // namespace
}  // namespace gw::redis::partitioned
