// The small parts: hub, timer wheel, rate, window of ids, router.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/channel.h"
#include "core/clock_watch.h"
#include "core/dedupe_window.h"
#include "core/hub.h"
#include "core/rate_limit.h"
#include "core/router.h"
#include "core/timer_wheel.h"

namespace gw {
namespace {

const TimePoint t0 = TimePoint(1000s);

TEST(Hub, VisitsExactlyTheSubscribers) {
  Hub hub;
  for (const uint32_t slot : {0u, 63u, 64u, 1000u}) hub.add(2, slot);
  hub.add(3, 5);
  hub.remove(2, 63);
  std::vector<uint32_t> visited;
  hub.for_each(2, [&](uint32_t slot) { visited.push_back(slot); });
  EXPECT_EQ(visited, (std::vector<uint32_t>{0, 64, 1000}));
  ChannelSet channels;
  channels.add(2);
  channels.add(3);
  hub.remove_all(channels, 1000);
  EXPECT_FALSE(hub.contains(2, 1000));
  EXPECT_TRUE(hub.contains(3, 5));
}

TEST(ChannelTable, OneThatIsAddedMovesNoOther) {
  ChannelTable channels({"guide", "sales"});
  const std::string* const before = &channels.name(1);
  for (size_t i = channels.size(); i < kChannelsMax; ++i)
    EXPECT_EQ(channels.add("more:" + std::to_string(i)), static_cast<ChannelIndex>(i));
  EXPECT_EQ(channels.size(), kChannelsMax);
  EXPECT_EQ(&channels.name(1), before);
  EXPECT_EQ(channels.find("sales"), ChannelIndex{1});
  EXPECT_EQ(channels.find("more:63"), ChannelIndex{63});
  EXPECT_EQ(channels.names().back(), "more:63");
}

TEST(TimerWheel, WakesAtTheFirstTickAfterTheDeadlineAndFarOnesEarly) {
  TimerWheel<int> wheel(t0);
  std::map<int, TimePoint> woken;
  wheel.schedule(t0 + 250ms, 1);
  wheel.schedule(t0 - 1s, 2);
  wheel.schedule(t0 + 1h, 3);
  for (int tick = 1; tick <= 600; ++tick) {
    const TimePoint now = t0 + tick * 100ms;
    wheel.advance(now, [&](int entry) { woken.emplace(entry, now); });
  }
  EXPECT_EQ(woken[1], t0 + 300ms);
  EXPECT_EQ(woken[2], t0 + 100ms);
  EXPECT_EQ(woken[3], t0 + 51'100ms);
}

TEST(TimerWheel, CatchesUpAfterASleep) {
  TimerWheel<int> wheel(t0);
  for (int i = 0; i < 10; ++i) wheel.schedule(t0 + i * 1s, i);
  int woken = 0;
  wheel.advance(t0 + 30s, [&](int) { ++woken; });
  EXPECT_EQ(woken, 10);
}

TEST(TokenBucket, GivesTheBurstAndThenTheRate) {
  const RateLimit limit{.per_second = 100, .burst = 200};
  TokenBucket bucket(limit, t0);
  int passed = 0;
  for (int ms = 0; ms < 1000; ++ms) {
    while (bucket.ready(limit, t0 + ms * 1ms)) {
      bucket.take(limit, t0 + ms * 1ms);
      ++passed;
    }
  }
  EXPECT_GE(passed, 298);
  EXPECT_LE(passed, 300);
}

class ClockWatchTest : public testing::Test {
 protected:
  // Ten turns of a loop, the wall clock `off` from where it began.
  int steps_seen(Duration off) {
    int steps = 0;
    for (int i = 0; i < 10; ++i) {
      now_ += 100ms;
      steps +=
          watch_.has_stepped(now_, w0_ + duration_cast<std::chrono::milliseconds>(now_ - t0 + off)) ? 1 : 0;
    }
    return steps;
  }
  const WallTime w0_ = WallTime(std::chrono::seconds(1'800'000'000));
  TimePoint now_ = t0;
  ClockWatch watch_{t0, w0_};
};

TEST_F(ClockWatchTest, SeesEachStepOnce) {
  EXPECT_EQ(steps_seen(0s), 0);
  EXPECT_EQ(steps_seen(-1h), 1);
  EXPECT_EQ(steps_seen(-1h), 0);
  EXPECT_EQ(steps_seen(600ms), 1);
  EXPECT_EQ(steps_seen(0s), 1);
}

TEST_F(ClockWatchTest, DriftAddsUp) {
  int steps = 0;
  for (int i = 0; i <= 20; ++i) steps += steps_seen(i * 51ms);
  EXPECT_EQ(steps, 2);
}

TEST_F(ClockWatchTest, AThreadThatWaitedBetweenTheTwoClocksIsNoStep) {
  EXPECT_FALSE(watch_.has_stepped(t0 + 100ms, w0_ + 5s));
  EXPECT_FALSE(watch_.has_stepped(t0 + 5s, w0_ + 5s));
  EXPECT_FALSE(watch_.has_stepped(t0 + 6s, w0_ + 6s));
}

TEST(DedupeWindow, RemembersForItsAgeAndNoLonger) {
  DedupeWindow window({.age = 120s, .ids_max = 1000});
  EXPECT_EQ(window.check("a", t0), DedupeWindow::Outcome::fresh);
  window.remember_checked(t0);
  EXPECT_EQ(window.check("a", t0 + 119s), DedupeWindow::Outcome::duplicate);
  EXPECT_EQ(window.check("a", t0 + 120s), DedupeWindow::Outcome::fresh);
}

TEST(DedupeWindow, ForgetsNothingEarlyWhenFull) {
  DedupeWindow window({.age = 120s, .ids_max = 3});
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_EQ(window.check(key, t0), DedupeWindow::Outcome::fresh);
    window.remember_checked(t0);
  }
  EXPECT_EQ(window.check("d", t0 + 1s), DedupeWindow::Outcome::full);
  EXPECT_EQ(window.check("a", t0 + 1s), DedupeWindow::Outcome::duplicate);
}

TEST(DedupeWindow, AgreesWithASetOverManyIdsAndExpiries) {
  DedupeWindow window({.age = 10s, .ids_max = 100'000});
  std::map<std::string, TimePoint> model;
  uint32_t random = 12345;
  for (int i = 0; i < 50'000; ++i) {
    random = random * 1664525u + 1013904223u;
    const TimePoint now = t0 + i * 1ms;
    const std::string key = std::to_string((random >> 8) % 20'000);
    const auto it = model.find(key);
    const bool duplicate = it != model.end() && now < it->second + 10s;
    ASSERT_EQ(window.check(key, now) == DedupeWindow::Outcome::duplicate, duplicate) << i;
    if (duplicate) continue;
    window.remember_checked(now);
    model[key] = now;
  }
}

class RouterTest : public testing::Test {
 protected:
  Route route(std::string_view text, ChannelSet granted = ChannelSet::all()) {
    return route_message(protocol::decode(text, scratch_), granted, channels_);
  }
  protocol::ErrorCode rejected(std::string_view text, ChannelSet granted = ChannelSet::all()) {
    const Route r = route(text, granted);
    return std::get<route::Reject>(r).code;
  }
  const ChannelTable channels_{{"guide", "pillar:content"}};
  std::string scratch_;
};

TEST_F(RouterTest, FindsTheChannelOfBothForms) {
  EXPECT_EQ(std::get<route::ToAgents>(route(R"({"payload":{}})")).channel, 0);
  EXPECT_EQ(std::get<route::ToAgents>(route(R"({"channel":"pillar:content","payload":{}})")).channel, 1);
  EXPECT_EQ(std::get<route::ToAgents>(route(R"({"agent_type":"liaison","pillar":"content","message":"x"})"))
                .channel,
            1);
}

TEST_F(RouterTest, RefusesUnknownAndForbiddenChannels) {
  EXPECT_EQ(rejected(R"({"channel":"pillar:gold","payload":{}})"), protocol::ErrorCode::unknown_channel);
  EXPECT_EQ(rejected(R"({"type":"subscribe","channel":"nowhere"})"), protocol::ErrorCode::unknown_channel);
  ChannelSet granted;
  granted.add(0);
  EXPECT_EQ(rejected(R"({"channel":"pillar:content","payload":{}})", granted),
            protocol::ErrorCode::forbidden_channel);
  EXPECT_EQ(rejected(R"({"type":"subscribe","channel":"pillar:content"})", granted),
            protocol::ErrorCode::forbidden_channel);
  EXPECT_TRUE(std::holds_alternative<route::ToAgents>(route(R"({"payload":{}})", granted)));
}

TEST_F(RouterTest, LetsAChannelBeLeftThatIsNotGranted) {
  EXPECT_EQ(std::get<route::Unsubscribe>(
                route(R"({"type":"unsubscribe","channel":"pillar:content"})", ChannelSet()))
                .channel,
            1);
  EXPECT_EQ(rejected(R"({"type":"unsubscribe","channel":"nowhere"})"), protocol::ErrorCode::unknown_channel);
}

TEST_F(RouterTest, PassesTheDecodersVerdictOn) {
  EXPECT_EQ(rejected("{"), protocol::ErrorCode::invalid_json);
  EXPECT_EQ(rejected("{}"), protocol::ErrorCode::invalid_message);
}

}  // namespace
}  // namespace gw
