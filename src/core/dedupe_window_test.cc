#include "core/dedupe_window.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

using Outcome = DedupeWindow::Outcome;

// How many new ids this sender gets in.
size_t fill(DedupeWindow& window, uint64_t sender, TimePoint now) {
  static int last = 0;
  size_t taken = 0;
  while (window.check(std::to_string(++last), now, sender) == Outcome::fresh) {
    window.remember_checked(now);
    ++taken;
  }
  return taken;
}

TEST(DedupeWindow, LeavesAsMuchForOthersAsOneSenderHas) {
  DedupeWindow window({.age = 120s, .ids_max = 1000});
  const TimePoint t0;
  EXPECT_EQ(fill(window, 1, t0), 500u);
  for (uint64_t sender = 2; sender < 10; ++sender) EXPECT_GE(fill(window, sender, t0), 1u) << sender;
  EXPECT_LE(window.size(), 1000u);
  // What is forgotten makes room again.
  EXPECT_EQ(fill(window, 1, t0 + 121s), 500u);
  EXPECT_EQ(window.size(), 500u);
}

// Else whoever comes first after a pause would wait for all that has become too old meanwhile.
TEST(DedupeWindow, ForgetsWithoutBeingAsked) {
  DedupeWindow window({.age = 120s, .ids_max = 1000});
  fill(window, 0, TimePoint());
  window.expire(TimePoint() + 119s);
  EXPECT_EQ(window.size(), 1000u);
  window.expire(TimePoint() + 120s);
  EXPECT_EQ(window.size(), 0u);
}

TEST(DedupeWindow, AnUnknownSenderHasNoBoundButTheWindows) {
  DedupeWindow window({.age = 120s, .ids_max = 10});
  EXPECT_EQ(fill(window, 0, TimePoint()), 10u);
}

}  // namespace
}  // namespace gw
