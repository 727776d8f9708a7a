#include "core/print_set.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace gw {
namespace {

TEST(PrintSet, BeginsWithNothing) {
  PrintSet set;
  EXPECT_FALSE(set.contains({1, 1}));
  set.fetch({1, 1});
  EXPECT_EQ(set.cells(), 0u);
}

TEST(PrintSet, GivesItsMemoryBackWithTheLast) {
  PrintSet set;
  for (uint64_t i = 1; i <= 1000; ++i) set.insert({i, i});
  EXPECT_GE(set.cells(), 1600u);
  for (uint64_t i = 1; i <= 1000; ++i) set.erase({i, i});
  EXPECT_EQ(set.cells(), 0u);
  set.insert({1, 1});
  EXPECT_TRUE(set.contains({1, 1}));
}

// No insertion does more than a few others' work, so the old table is there for a while; not until the next.
TEST(PrintSet, LeavesTheOldTableBitByBit) {
  PrintSet set;
  uint64_t i = 0;
  while (set.cells() < 4096 + 8192) set.insert({++i, i});
  const size_t both = set.cells();
  for (int n = 0; n < 500; ++n) {
    set.insert({++i, i});
    ASSERT_EQ(set.cells(), both) << n;
  }
  while (set.cells() == both) set.insert({++i, i});
  EXPECT_EQ(set.cells(), 8192u);
  for (uint64_t k = 1; k <= i; ++k) ASSERT_TRUE(set.contains({k, k}));
}

// Beside a list of all that is in it. `spread`: how many homes there are; few make long runs of cells.
void run_history(uint64_t spread, int steps) {
  std::mt19937_64 random(spread);
  PrintSet set;
  std::vector<SipHash> inside, outside;
  for (int step = 0; step < steps; ++step) {
    // It grows for a while, shrinks for a while, and is empty at times.
    const bool grows = (step / (steps / 6)) % 2 == 0;
    if (inside.empty() || random() % 10 < (grows ? 8u : 1u)) {
      const SipHash print{1 + random() % spread, random()};
      ASSERT_FALSE(set.contains(print));
      set.insert(print);
      inside.push_back(print);
    } else {
      std::swap(inside[random() % inside.size()], inside.back());
      set.erase(inside.back());
      outside.push_back(inside.back());
      inside.pop_back();
    }
    ASSERT_EQ(set.size(), inside.size());
    const auto one_of = [&](const std::vector<SipHash>& prints) { return prints[random() % prints.size()]; };
    ASSERT_TRUE(inside.empty() || set.contains(one_of(inside)));
    ASSERT_FALSE(!outside.empty() && set.contains(one_of(outside)));
    if (step % 1000 != 0) continue;
    for (const SipHash& print : inside) ASSERT_TRUE(set.contains(print));
    for (const SipHash& print : outside) ASSERT_FALSE(set.contains(print));
  }
}

TEST(PrintSet, HoldsWhatAListHoldsInAnyHistory) {
  run_history(~uint64_t{0} - 1, 30'000);
  run_history(700, 6'000);
  run_history(3, 3'000);
}

}  // namespace
}  // namespace gw
