#include "core/heard_changes.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

const WallTime t0 = WallTime(1'800'000'000'000ms);
const SessionKey kOne = sha256("one"), kOther = sha256("other");

TEST(HeardChanges, KnowsNothingOfBeforeItListened) {
  HeardChanges changes;
  EXPECT_FALSE(changes.is_unchanged_since(kOne, t0));
  changes.begin(t0);
  EXPECT_FALSE(changes.is_unchanged_since(kOne, t0 - 1ms));
  EXPECT_TRUE(changes.is_unchanged_since(kOne, t0));
  changes.end();
  EXPECT_FALSE(changes.is_unchanged_since(kOne, t0 + 1s));
  changes.begin(t0 + 10s);
  EXPECT_FALSE(changes.is_unchanged_since(kOne, t0 + 9s));
  EXPECT_TRUE(changes.is_unchanged_since(kOne, t0 + 11s));
}

TEST(HeardChanges, RemembersLongEnoughWhateverComesBetween) {
  for (auto offset = 0ms; offset < 2 * HeardChanges::kKept; offset += 7s) {
    HeardChanges changes;
    changes.begin(t0);
    for (auto at = 0ms; at < offset; at += 1s) changes.hear(kOther, t0 + at);
    changes.hear(kOne, t0 + offset);
    for (auto at = offset; at < offset + HeardChanges::kKept; at += 1s) {
      changes.hear(kOther, t0 + at);
      // Whenever a ticket was issued: who issued it may have heard later.
      EXPECT_FALSE(changes.is_unchanged_since(kOne, t0 + at)) << offset.count() << " " << at.count();
    }
  }
}

TEST(HeardChanges, ForgetsInTheEnd) {
  HeardChanges changes;
  changes.begin(t0);
  changes.hear(kOne, t0);
  for (auto at = 0ms; at <= 3 * HeardChanges::kKept; at += 10s) changes.hear(kOther, t0 + at);
  EXPECT_TRUE(changes.is_unchanged_since(kOne, t0 + 2 * HeardChanges::kKept));
}

TEST(HeardChanges, TooManyAreAsIfItHadNotListened) {
  HeardChanges changes;
  changes.begin(t0);
  for (size_t i = 0; i <= HeardChanges::kKeptMax; ++i) {
    SessionKey key{};
    std::memcpy(key.data(), &i, sizeof(i));
    changes.hear(key, t0 + 1s);
  }
  EXPECT_FALSE(changes.is_unchanged_since(kOne, t0));
  EXPECT_TRUE(changes.is_unchanged_since(kOne, t0 + 1s));
}

}  // namespace
}  // namespace gw
