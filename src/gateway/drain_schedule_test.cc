#include "gateway/drain_schedule.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

const TimePoint t0 = TimePoint() + 1h;

std::vector<ConnectionHandle> clients(uint32_t count) {
  std::vector<ConnectionHandle> handles;
  for (uint32_t slot = 0; slot < count; ++slot) handles.push_back({0, slot, 1});
  return handles;
}

TEST(DrainSchedule, ClosesEachOnceEvenlyOverTheWindow) {
  DrainSchedule schedule(clients(10), 1s, t0);
  EXPECT_TRUE(schedule.take_due(t0).empty());
  uint32_t next = 0;
  for (int step = 1; step <= 10; ++step) {
    const auto due = schedule.take_due(t0 + 100ms * step - 50ms);
    ASSERT_EQ(due.size(), 1u) << step;
    EXPECT_EQ(due.front().slot, next++);
  }
  EXPECT_TRUE(schedule.take_due(t0 + 1s).empty());
}

TEST(DrainSchedule, ALateTurnCatchesUp) {
  DrainSchedule schedule(clients(10), 1s, t0);
  EXPECT_EQ(schedule.take_due(t0 + 500ms).size(), 5u);
  EXPECT_EQ(schedule.take_due(t0 + 1h).size(), 5u);
  EXPECT_TRUE(schedule.take_due(t0 + 2h).empty());
}

TEST(DrainSchedule, WithoutAWindowAllGoAtOnce) {
  DrainSchedule schedule(clients(3), Duration(0), t0);
  EXPECT_EQ(schedule.take_due(t0).size(), 3u);
}

TEST(DrainSchedule, NobodyIsNobody) { EXPECT_TRUE(DrainSchedule({}, 1s, t0).take_due(t0 + 1h).empty()); }

TEST(DrainSchedule, TheWindowIsAsLongAsItsClientsNeed) {
  EXPECT_EQ(DrainSchedule::window(1, 10s), 1001ms);
  EXPECT_EQ(DrainSchedule::window(2000, 10s), 3s);
  EXPECT_EQ(DrainSchedule::window(100'000, 10s), 8s);
  EXPECT_EQ(DrainSchedule::window(1, 1s), 800ms);
  EXPECT_EQ(DrainSchedule::window(1, 0s), 0s);
}

}  // namespace
}  // namespace gw
