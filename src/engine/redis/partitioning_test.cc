#include "engine/redis/partitioning.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "engine/redis/cluster_slot.h"

namespace gw::redis {
namespace {

// docs/PROTOCOL.md has the same ones: whoever speaks to Redis himself finds names by them.
TEST(Partitioning, ANameHasAFixedPlace) {
  const std::vector<size_t> counts{1, 2, 3, 5, 16, 256};
  struct Case {
    const char* name;
    uint64_t hash;
    std::vector<size_t> places;
  };
  const std::vector<Case> cases{
      {"guide", 0x83ca68be6227af2f, {0, 0, 0, 3, 14, 251}},
      {"pillar:content", 0x2819e9c840263fbc, {0, 0, 2, 2, 5, 251}},
      {"ann", 0x49915e0d7d4b402e, {0, 0, 2, 4, 5, 115}},
      {"ws_00000000000000000000000000000000", 0xd0e84e8f28241cb8, {0, 0, 0, 4, 4, 19}},
      {"", 0xe3b0c44298fc1c14, {0, 1, 2, 2, 5, 22}},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(name_hash(one.name), one.hash) << one.name;
    for (size_t i = 0; i < counts.size(); ++i)
      EXPECT_EQ(partition_of(one.name, counts[i]), one.places[i]) << one.name << " of " << counts[i];
  }
}

TEST(Partitioning, NamesAreSpreadEvenly) {
  for (const size_t count : {3u, 16u}) {
    std::vector<size_t> names(count);
    for (size_t i = 0; i < 20'000; ++i) ++names[partition_of("user-" + std::to_string(i), count)];
    for (const size_t some : names) {
      EXPECT_GT(some, 20'000 / count * 9 / 10);
      EXPECT_LT(some, 20'000 / count * 11 / 10);
    }
  }
}

TEST(Partitioning, OneMoreTakesItsShareAndMovesNothingElse) {
  size_t moved = 0;
  for (size_t i = 0; i < 10'000; ++i) {
    const std::string name = "user-" + std::to_string(i);
    const size_t before = partition_of(name, 4), after = partition_of(name, 5);
    if (before == after) continue;
    ++moved;
    EXPECT_EQ(after, 4u) << name;
  }
  EXPECT_GT(moved, 1'800u);
  EXPECT_LT(moved, 2'200u);
}

TEST(Partitioning, TagsDivideTheSlotsOfACluster) {
  const char* const sixteen[] = {"10", "3", "61", "43", "11", "2", "60", "42",
                                 "12", "1", "63", "41", "13", "0", "62", "40"};
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(partition_tag(i, 16), sixteen[i]) << i;
  EXPECT_EQ(partition_tag(0, 1), "0");
  for (const size_t count : {3u, 7u, 256u}) {
    for (size_t i = 0; i < count; ++i) {
      const size_t slot = slot_of("websocket:{" + partition_tag(i, count) + "}:run:{x}");
      EXPECT_GE(slot, i * kSlots / count) << i << " of " << count;
      EXPECT_LT(slot, (i + 1) * kSlots / count) << i << " of " << count;
    }
  }
}

TEST(Partitioning, SharesOfALimitAreNoLess) {
  EXPECT_EQ(partition_share(0, 16), 0u);
  EXPECT_EQ(partition_share(1, 16), 1u);
  EXPECT_EQ(partition_share(100, 3), 34u);
  EXPECT_EQ(partition_share(100, 1), 100u);
}

}  // namespace
}  // namespace gw::redis
