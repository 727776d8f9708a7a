#include "gateway/drain_schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace gw {
namespace {

const TimePoint t0 = TimePoint() + 1h;

std::vector<ConnectionHandle> clients(size_t count) {
  std::vector<ConnectionHandle> handles;
  for (uint32_t slot = 0; slot < count; ++slot) handles.push_back({0, slot, 1});
  return handles;
}

// Of all these shards, each of which was told at another moment: when who leaves, in seconds.
struct Told {
  size_t clients = 0;
  double after = 0;  // of the window
  double phase = 0.5;
};
std::vector<double> departures(const std::vector<Told>& shards, Duration window) {
  std::vector<double> out;
  for (const Told& told : shards) {
    const DrainSchedule schedule(clients(told.clients), window, told.phase, t0);
    for (size_t place = 0; place < told.clients; ++place)
      out.push_back(std::chrono::duration<double>(schedule.slot(place) + window * told.after).count());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The most that leave in any `length` seconds.
size_t most_within(const std::vector<double>& times, double length) {
  size_t most = 0, first = 0;
  for (size_t last = 0; last < times.size(); ++last) {
    while (times[last] - times[first] >= length) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

TEST(DrainSchedule, SendsOnEachOnceEvenlyOverTheWindow) {
  DrainSchedule schedule(clients(10), 1s, 0.5, t0);
  EXPECT_TRUE(schedule.take_due(t0).empty());
  uint32_t next = 0;
  for (int step = 1; step <= 10; ++step) {
    const auto due = schedule.take_due(t0 + 100ms * step - 50ms);
    ASSERT_EQ(due.size(), 1u) << step;
    EXPECT_EQ(due.front().slot, next++);
  }
  EXPECT_TRUE(schedule.take_due(t0 + 1s).empty());
}

TEST(DrainSchedule, NobodyGoesBeforeTheTimeThatWasTold) {
  for (const double phase : {0.0, 0.25, 0.999}) {
    DrainSchedule schedule(clients(7), 1s, phase, t0);
    for (size_t place = 0; place < 7; ++place) {
      EXPECT_LT(schedule.slot(place), 1s);
      EXPECT_EQ(schedule.take_due(t0 + schedule.slot(place) - Duration(1)).size(), 0u);
      EXPECT_EQ(schedule.take_due(t0 + schedule.slot(place)).size(), 1u);
    }
  }
}

TEST(DrainSchedule, ALateTurnCatchesUp) {
  DrainSchedule schedule(clients(10), 1s, 0.5, t0);
  EXPECT_EQ(schedule.take_due(t0 + 500ms).size(), 5u);
  EXPECT_EQ(schedule.take_due(t0 + 1h).size(), 5u);
  EXPECT_TRUE(schedule.take_due(t0 + 2h).empty());
}

TEST(DrainSchedule, WithoutAWindowAllGoAtOnce) {
  DrainSchedule schedule(clients(3), Duration(0), 0.5, t0);
  EXPECT_EQ(schedule.take_due(t0).size(), 3u);
}

TEST(DrainSchedule, NobodyIsNobody) { EXPECT_TRUE(DrainSchedule({}, 1s, 0.5, t0).take_due(t0 + 1h).empty()); }

TEST(DrainSchedule, TheWindowIsAsLongAsItsClientsNeed) {
  EXPECT_EQ(DrainSchedule::window(1, 10s), 1001ms);
  EXPECT_EQ(DrainSchedule::window(2000, 10s), 3s);
  EXPECT_EQ(DrainSchedule::window(100'000, 10s), 8s);
  EXPECT_EQ(DrainSchedule::window(1, 1s), 800ms);
  EXPECT_EQ(DrainSchedule::window(1, 0s), 0s);
}

TEST(DrainSchedule, NeverMoreThanTwiceTheMeanLeave) {
  for (const size_t count : {1u, 2u, 3u, 10u, 99u, 1000u, 19'000u, 100'000u}) {
    const Duration window = DrainSchedule::window(count, 60s);
    const double seconds = std::chrono::duration<double>(window).count();
    const double mean = static_cast<double>(count) / seconds;
    const std::vector<double> times = departures({{count}}, window);
    // A window that is shorter than a step holds one, whatever the mean is.
    for (double length = 1 / mean; length < seconds; length *= 1.7)
      EXPECT_LE(static_cast<double>(most_within(times, length)), std::ceil(2 * mean * length - 1e-6))
          << count << " clients, " << length << " s";
  }
}

TEST(DrainSchedule, NorDoOfInstancesThatAreToldAtOnceHoweverUnlikeTheyAre) {
  const std::vector<std::vector<size_t>> clusters = {
      {4750, 4750, 4750, 4750}, {16'000, 1000, 1000, 1000}, {18'997, 1, 1, 1}, {9500, 0, 9500}};
  for (const std::vector<size_t>& cluster : clusters) {
    const auto all = std::accumulate(cluster.begin(), cluster.end(), size_t{0});
    const Duration window = DrainSchedule::window(all, 30s);
    std::vector<Told> shards;
    for (const size_t count : cluster) {
      shards.push_back({count / 2, 0.0, 0.2});
      shards.push_back({count - count / 2, 0.01, 0.7});
    }
    const double mean = static_cast<double>(all) / std::chrono::duration<double>(window).count();
    const std::vector<double> times = departures(shards, window);
    for (const double length : {0.1, 0.25, 1.0, 5.0})
      EXPECT_LE(static_cast<double>(most_within(times, length)), 1.25 * mean * length)
          << cluster[0] << " " << length;
  }
}

// The mean is over the whole deploy, which is longer by as much as the last was told later than the first.
TEST(DrainSchedule, NorOfThoseThatAreToldWhileOthersLeave) {
  const Duration window = DrainSchedule::window(19'000, 30s);
  for (const double lag : {0.1, 0.25, 0.33, 0.5, 1.0}) {
    std::vector<Told> shards;
    for (int i = 0; i < 4; ++i) shards.push_back({4750, lag * i});
    const std::vector<double> times = departures(shards, window);
    const double mean = static_cast<double>(times.size()) / (times.back() - times.front());
    EXPECT_LE(static_cast<double>(most_within(times, 1.0)), 2 * mean) << lag;
  }
}

}  // namespace
}  // namespace gw
