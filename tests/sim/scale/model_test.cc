#include "sim/scale/model.h"

#include <gtest/gtest.h>

#include "sim/scale/costs.h"

namespace gw::sim::scale {
namespace {

Plan plan_of(size_t connections, size_t instances, size_t masters, size_t partitions) {
  Plan plan;
  plan.connections = connections;
  plan.instances = instances;
  plan.masters = masters;
  plan.partitions = partitions;
  plan.messages_per_minute = 0;
  return plan;
}

constexpr double kForever = 1e12;

double commands_of(const Model& model, size_t from) {
  double sum = 0;
  for (size_t i = from; i < model.history().size(); ++i) sum += model.history()[i].commands_mean;
  return sum / static_cast<double>(model.history().size() - from);
}

// bench/RESULTS.md, "Commands": 0.064 for an idle connection and minute. The bench counts what an instance
// sends anyway apart.
TEST(ScaleModel, IdleConnectionsCostTheCommandsThatWereCounted) {
  Plan plan = plan_of(2000, 1, 1, 1);
  plan.life_s = kForever;
  Model model(plan);
  model.run(60);
  Plan nobody = plan;
  nobody.connections = 1;
  Model idle(nobody);
  idle.run(60);
  const double each = (commands_of(model, 1) - commands_of(idle, 1)) * 60 / 2000;
  EXPECT_NEAR(each, 0.064, 0.02);
}

TEST(ScaleModel, AConnectCostsTwoCommandsWhereThereIsOnePartition) {
  Plan plan = plan_of(10'000, 1, 1, 1);
  plan.life_s = kForever;
  Model still(plan);
  still.run(60);
  plan.life_s = 60;
  Model moving(plan);
  moving.run(60);
  double welcomed = 0;
  for (const Second& second : moving.history()) welcomed += static_cast<double>(second.welcomed);
  welcomed /= 60;
  const double each = (commands_of(moving, 0) - commands_of(still, 0)) / welcomed;
  EXPECT_NEAR(each, 2 + 1.0 / 64, 0.1);
}

TEST(ScaleModel, NobodyGetsLost) {
  const size_t all = 100'000;
  Model model(plan_of(all, 10, 4, 16));
  const auto count = [&] { return model.connected() + model.on_their_way(); };
  model.run(5);
  EXPECT_EQ(count(), all);
  model.deploy(0, 5);
  for (int i = 0; i < 30; ++i) {
    model.run(1);
    EXPECT_EQ(count(), all);
  }
  model.lose_zone(0.5);
  for (int i = 0; i < 60; ++i) {
    model.run(1);
    EXPECT_EQ(count(), all);
  }
  EXPECT_GT(model.connected(), all * 99 / 100);
  EXPECT_EQ(model.history().back().unwritten, 0u);
  EXPECT_EQ(model.history().back().left_over, 0u);
}

TEST(ScaleModel, ADrainSpreadsItsClientsEvenly) {
  Plan plan = plan_of(190'000, 10, 4, 16);
  plan.life_s = kForever;
  Model model(plan);
  model.run(1);
  model.deploy(0, 1);
  model.run(30);
  const double mean = 19'000 / plan.drain_spread_s;
  for (const Second& second : model.history()) EXPECT_LT(static_cast<double>(second.tried), 2 * mean);
  EXPECT_EQ(model.moves(), 19'000u);
}

// Ten times of everything costs each master's core what it cost before, but for the leases: there are more,
// and each lists all instances.
TEST(ScaleModel, AMastersWorkDoesNotGrowWithTheWhole) {
  Model small(plan_of(100'000, 10, 2, 8)), large(plan_of(1'000'000, 100, 20, 80));
  small.run(20);
  large.run(20);
  const Second &a = small.history().back(), &b = large.history().back();
  const auto leases = [](double instances) {
    return 4 * instances * (kLeaseRedisUs + kLeaseEachRedisUs * instances + kProbesRedisUs) / 1e6;
  };
  EXPECT_NEAR(b.work_mean - leases(100), a.work_mean - leases(10), a.work_mean * 0.05);
}

TEST(ScaleModel, TheSameSeedLeadsToTheSame) {
  const auto history = [](uint64_t seed) {
    Plan plan = plan_of(20'000, 10, 4, 16);
    plan.seed = seed;
    Model model(plan);
    model.lose_zone(0.3);
    model.run(30);
    return std::pair(model.history()[3].welcomed, model.history()[9].tried);
  };
  EXPECT_EQ(history(1), history(1));
  EXPECT_NE(history(1), history(2));
}

}  // namespace
}  // namespace gw::sim::scale
