#include "core/sampler.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

constexpr int kTraces = 20'000;

int kept(const Sampler& sampler) {
  int count = 0;
  for (int i = 0; i < kTraces; ++i) count += sampler.keeps(protocol::new_trace(false).trace_id, std::nullopt);
  return count;
}

TEST(Sampler, KeepsItsShare) {
  EXPECT_EQ(kept(Sampler(0)), 0);
  EXPECT_EQ(kept(Sampler(1)), kTraces);
  // Seven standard deviations.
  EXPECT_NEAR(kept(Sampler(0.1)), kTraces / 10, 300);
  EXPECT_NEAR(kept(Sampler(0.5)), kTraces / 2, 500);
}

TEST(Sampler, DecidesAlikeForOneTrace) {
  for (int i = 0; i < 1000; ++i) {
    const auto trace = protocol::new_trace(true);
    // What a smaller ratio keeps, a larger one keeps too.
    const bool small = Sampler(0.2).keeps(trace.trace_id, std::nullopt);
    EXPECT_TRUE(!small || Sampler(0.6).keeps(trace.trace_id, std::nullopt));
  }
}

TEST(Sampler, FollowsTheParentOnlyWhenParentBased) {
  const auto sampled = protocol::new_trace(true);
  const auto unsampled = protocol::new_trace(false);
  EXPECT_TRUE(Sampler(0, true).keeps(sampled.trace_id, sampled));
  EXPECT_FALSE(Sampler(1, true).keeps(unsampled.trace_id, unsampled));
  EXPECT_FALSE(Sampler(0, false).keeps(sampled.trace_id, sampled));
  EXPECT_TRUE(Sampler(1, false).keeps(unsampled.trace_id, unsampled));
}

TEST(Sampler, ReadsTheRandomHalfOfTheId) {
  protocol::TraceId id{};
  id[0] = 0xff;  // the first half does not count
  EXPECT_TRUE(Sampler(0.01).keeps(id, std::nullopt));
  id[8] = 0xff;
  EXPECT_FALSE(Sampler(0.99).keeps(id, std::nullopt));
}

}  // namespace
}  // namespace gw
