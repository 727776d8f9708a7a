#include "net/event_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "net/asio_guests.h"
#include "net/poller.h"
#include "net/socket.h"

namespace gw {
namespace {

using Order = std::vector<int>;

// Turns until `done` or a deadline far beyond what a slow machine needs.
template <class Condition>
bool turn_until(EventLoop& loop, const Condition& done) {
  const TimePoint deadline = steady_now() + 20s;
  while (!done()) {
    if (steady_now() > deadline) return false;
    loop.turn(10ms);
  }
  return true;
}

// Turns until nothing is left to do for a while.
void settle(EventLoop& loop) {
  while (loop.turn(20ms)) {
  }
}

TEST(EventLoop, RunsPostedFunctionsInOrderThenTheHooksOnce) {
  EventLoop loop;
  Order order;
  const auto first_hook = loop.on_turn_end([&] { order.push_back(10); });
  const auto second_hook = loop.on_turn_end([&] { order.push_back(11); });
  for (int i = 0; i < 3; ++i) loop.post([&order, i] { order.push_back(i); });
  EXPECT_TRUE(loop.turn(10s));
  EXPECT_EQ(order, (Order{0, 1, 2, 10, 11}));
}

TEST(EventLoop, ATurnWithNothingToDoRunsNoHook) {
  EventLoop loop;
  int hooks = 0;
  const auto hook = loop.on_turn_end([&] { ++hooks; });
  EXPECT_FALSE(loop.turn(1ms));
  EXPECT_EQ(hooks, 0);
}

TEST(EventLoop, ATurnIsBounded) {
  EventLoop loop;
  size_t ran = 0;
  for (size_t i = 0; i < EventLoop::kHandlersPerTurnMax + 1; ++i) loop.post([&] { ++ran; });
  loop.turn(10s);
  EXPECT_EQ(ran, EventLoop::kHandlersPerTurnMax);
  loop.turn(10s);
  EXPECT_EQ(ran, EventLoop::kHandlersPerTurnMax + 1);
}

TEST(EventLoop, GivesWhoHasKeysOfHisOwnWhatIsReadyOfThem) {
  EventLoop loop;
  const UniqueFd first = make_wake_fd(), second = make_wake_fd(), own = make_wake_fd();
  ASSERT_TRUE(loop.poller().add(first.get(), Poller::kReadable, 7));
  ASSERT_TRUE(loop.poller().add(second.get(), Poller::kReadable, uint64_t{1} << 63));
  size_t own_calls = 0;
  const auto watch = loop.watch(own.get(), [&] { ++own_calls; });
  std::set<uint64_t> keys;
  size_t calls = 0;
  auto others = loop.on_others([&](std::span<const epoll_event> events) {
    ++calls;
    for (const epoll_event& event : events) keys.insert(event.data.u64);
  });
  for (const UniqueFd* fd : {&first, &second, &own}) wake(fd->get());
  loop.turn(10s);
  EXPECT_EQ(keys, (std::set<uint64_t>{7, uint64_t{1} << 63}));
  EXPECT_EQ(calls, 1u);
  EXPECT_EQ(own_calls, 1u);
  // Nobody is called who has gone, and another may take the place.
  others.reset();
  loop.turn(10s);
  EXPECT_EQ(calls, 1u);
  others = loop.on_others([&](std::span<const epoll_event> events) { calls += events.size(); });
  loop.turn(10s);
  EXPECT_EQ(calls, 3u);
}

TEST(EventLoop, TheClockStandsStillWithinATurn) {
  EventLoop loop;
  TimePoint first, second, later;
  loop.post([&] {
    first = loop.now();
    while (steady_now() == first) {
    }
    second = loop.now();
  });
  loop.turn(10s);
  loop.post([&] { later = loop.now(); });
  loop.turn(10s);
  EXPECT_EQ(first, second);
  EXPECT_GT(later, first);
}

TEST(EventLoop, TheWallClockStandsStillWithinATurnToo) {
  EventLoop loop;
  WallTime first;
  WallTime second;
  WallTime later;
  loop.post([&] {
    first = loop.wall_now();
    while (wall_now() == first) {
    }
    second = loop.wall_now();
  });
  loop.turn(10s);
  loop.post([&] { later = loop.wall_now(); });
  loop.turn(10s);
  EXPECT_EQ(first, second);
  EXPECT_GT(later, first);
}

TEST(EventLoop, StopBeforeRunIsNotLost) {
  EventLoop loop;
  loop.stop();
  loop.run();
  std::atomic<bool> ran = false;
  loop.post([&] {
    ran = true;
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(EventLoop, OtherThreadsPostAndStop) {
  EventLoop loop;
  int sum = 0;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&sum] { ++sum; });
    loop.stop();
  });
  loop.run();
  other.join();
  EXPECT_EQ(sum, 1000);
}

TEST(EventLoop, TimersRepeatUntilTheirRegistrationGoes) {
  EventLoop loop;
  int ticks = 0;
  auto timer = loop.every(1ms, [&] { ++ticks; });
  ASSERT_TRUE(turn_until(loop, [&] { return ticks == 3; }));
  timer.reset();
  settle(loop);
  EXPECT_EQ(ticks, 3);
}

TEST(EventLoop, AOneShotTimerRunsOnceAndNeverWhenCancelled) {
  EventLoop loop;
  int kept = 0, cancelled = 0;
  const auto first = loop.after(1ms, [&] { ++kept; });
  {
    const auto second = loop.after(1ms, [&] { ++cancelled; });
  }
  ASSERT_TRUE(turn_until(loop, [&] { return kept == 1; }));
  settle(loop);
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(cancelled, 0);
}

TEST(EventLoop, AFunctionMayEndItsOwnRegistration) {
  EventLoop loop;
  int ticks = 0;
  EventLoop::Registration timer, hook;
  const auto witness = std::make_shared<int>(7);
  timer = loop.every(1ms, [&, witness] {
    timer.reset();
    ticks += *witness;  // what the function holds outlives the reset
  });
  int hooks = 0;
  hook = loop.on_turn_end([&] {
    hook.reset();
    ++hooks;
  });
  ASSERT_TRUE(turn_until(loop, [&] { return ticks != 0; }));
  settle(loop);
  EXPECT_EQ(ticks, 7);
  EXPECT_EQ(hooks, 1);
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(EventLoop, WatchesAReadableDescriptorOnceATurn) {
  EventLoop loop;
  const UniqueFd fd = make_wake_fd();
  int calls = 0;
  auto watch = loop.watch(fd.get(), [&] { ++calls; });
  EXPECT_FALSE(loop.turn(1ms));
  wake(fd.get());
  loop.turn(10s);
  EXPECT_EQ(calls, 1);
  loop.turn(10s);  // still readable
  EXPECT_EQ(calls, 2);
  clear_wake(fd.get());
  EXPECT_FALSE(loop.turn(20ms));
  wake(fd.get());
  watch.reset();
  settle(loop);
  EXPECT_EQ(calls, 2);
}

// A turn in which something is due already does not wait, and must look all the same.
TEST(EventLoop, ServesItsGuestsHoweverMuchIsPosted) {
  EventLoop loop;
  const AsioGuests::Stay stay(loop.guests());
  bool served = false;
  boost::asio::post(stay.context(), [&] { served = true; });
  std::function<void()> again = [&] { loop.post(again); };
  again();
  for (int turns = 0; turns < 10; ++turns) loop.turn(10ms);
  EXPECT_TRUE(served);
}

TEST(EventLoop, ServesItsGuestsHoweverManyTimersAreDue) {
  EventLoop loop;
  const AsioGuests::Stay stay(loop.guests());
  bool served = false;
  boost::asio::post(stay.context(), [&] { served = true; });
  const auto timer = loop.every(1ns, [] {});
  for (int turns = 0; turns < 10; ++turns) loop.turn(10ms);
  EXPECT_TRUE(served);
}

TEST(EventLoop, AnotherThreadWakesThroughAWatchedDescriptor) {
  EventLoop loop;
  const UniqueFd fd = make_wake_fd();
  const auto watch = loop.watch(fd.get(), [&] { loop.stop(); });
  std::thread other([&] { wake(fd.get()); });
  loop.run();
  other.join();
}

}  // namespace
}  // namespace gw
