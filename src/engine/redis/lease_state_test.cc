#include "engine/redis/lease_state.h"

#include <gtest/gtest.h>

namespace gw::redis {
namespace {

using Renewed = LeaseState::Renewed;
using Standing = LeaseState::Standing;
using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};
constexpr std::chrono::milliseconds kFull = LeaseState::kTime;

class LeaseStateTest : public testing::Test {
 protected:
  // Asked and answered in one moment.
  Renewed renew(TimePoint now, bool ours = true, Peers peers = {}) {
    EXPECT_TRUE(lease_.begin_renewal(now));
    return lease_.on_renewed(ours, std::move(peers), now);
  }
  // Up, taken, and all written.
  void hold(TimePoint now) {
    lease_.on_up(now);
    EXPECT_EQ(renew(now, false), Renewed::lost);
    EXPECT_TRUE(lease_.on_registered(now));
  }

  LeaseState lease_{"gw-b"};
};

TEST_F(LeaseStateTest, IsFreshOnceAllIsWritten) {
  EXPECT_FALSE(lease_.begin_renewal(kStart));  // there is no connection
  lease_.on_up(kStart);
  EXPECT_EQ(renew(kStart, false), Renewed::lost);
  EXPECT_FALSE(lease_.is_fresh(kStart));
  EXPECT_TRUE(lease_.on_registered(kStart + 1s));
  EXPECT_TRUE(lease_.is_fresh(kStart + 1s));
  EXPECT_TRUE(lease_.is_fresh(kStart + 2999ms));
  EXPECT_FALSE(lease_.is_fresh(kStart + 3s));
}

TEST_F(LeaseStateTest, OneRenewalAtATime) {
  lease_.on_up(kStart);
  EXPECT_TRUE(lease_.begin_renewal(kStart));
  EXPECT_FALSE(lease_.begin_renewal(kStart + 1s));
  lease_.on_not_renewed();
  EXPECT_TRUE(lease_.begin_renewal(kStart + 2s));
  lease_.on_down();
  lease_.on_up(kStart + 3s);  // the question went with the connection
  EXPECT_TRUE(lease_.begin_renewal(kStart + 3s));
}

TEST_F(LeaseStateTest, CountsFromTheQuestionNotFromTheAnswer) {
  hold(kStart);
  EXPECT_TRUE(lease_.begin_renewal(kStart + 1s));
  EXPECT_EQ(lease_.on_renewed(true, {}, kStart + 3500ms), Renewed::fresh_again);
  EXPECT_TRUE(lease_.is_fresh(kStart + 3500ms));
  EXPECT_FALSE(lease_.is_fresh(kStart + 4s));
}

TEST_F(LeaseStateTest, OneThatIsKeptIsNoNews) {
  hold(kStart);
  EXPECT_EQ(renew(kStart + 1s), Renewed::kept);
  EXPECT_EQ(renew(kStart + 6s), Renewed::fresh_again);
  EXPECT_TRUE(lease_.is_fresh(kStart + 6s));
}

TEST_F(LeaseStateTest, OneThatHasRunOutIsALoss) {
  hold(kStart);
  EXPECT_EQ(renew(kStart + 20s, false), Renewed::lost);
  EXPECT_FALSE(lease_.is_fresh(kStart + 20s));
  EXPECT_TRUE(lease_.on_registered(kStart + 21s));
}

// The first renewal after it had run out made it ours again, and was never answered.
TEST_F(LeaseStateTest, OneThatMayHaveRunOutIsALoss) {
  hold(kStart);
  EXPECT_TRUE(lease_.begin_renewal(kStart + 16s));
  lease_.on_down();
  lease_.on_up(kStart + 17s);
  EXPECT_EQ(renew(kStart + 17s), Renewed::lost);
}

TEST_F(LeaseStateTest, AnotherServerIsALoss) {
  hold(kStart);
  lease_.on_down();
  lease_.invalidate(kStart + 1s);
  lease_.on_up(kStart + 1s);
  EXPECT_FALSE(lease_.is_fresh(kStart + 1s));
  EXPECT_TRUE(lease_.may_be_missing(kStart + 1s));
  EXPECT_EQ(renew(kStart + 1s), Renewed::lost);
  EXPECT_TRUE(lease_.on_registered(kStart + 1s));
  EXPECT_FALSE(lease_.may_be_missing(kStart + 4s));
}

TEST_F(LeaseStateTest, AShortAbsenceLosesNothing) {
  hold(kStart);
  lease_.on_down();
  EXPECT_TRUE(lease_.is_fresh(kStart + 1s));
  lease_.on_up(kStart + 2s);
  EXPECT_EQ(renew(kStart + 2s), Renewed::kept);
}

TEST_F(LeaseStateTest, WritingThatWasInterruptedBeginsAgain) {
  lease_.on_up(kStart);
  EXPECT_EQ(renew(kStart, false), Renewed::lost);
  lease_.on_down();
  EXPECT_EQ(lease_.standing(), Standing::invalid);
  EXPECT_FALSE(lease_.on_registered(kStart));
  lease_.on_up(kStart + 1s);
  EXPECT_EQ(renew(kStart + 1s), Renewed::lost);
  EXPECT_EQ(renew(kStart + 2s), Renewed::kept);  // it goes on being written
  EXPECT_TRUE(lease_.on_registered(kStart + 2s));
}

TEST_F(LeaseStateTest, WhatIsWrittenTooLateIsFreshWithTheNextRenewal) {
  lease_.on_up(kStart);
  renew(kStart, false);
  EXPECT_FALSE(lease_.on_registered(kStart + 5s));
  EXPECT_EQ(renew(kStart + 5s), Renewed::fresh_again);
}

TEST_F(LeaseStateTest, OneThatIsGivenBackStaysSo) {
  hold(kStart);
  EXPECT_TRUE(lease_.begin_renewal(kStart + 1s));
  lease_.leave();
  EXPECT_EQ(lease_.on_renewed(false, {}, kStart + 1s), Renewed::kept);
  EXPECT_FALSE(lease_.is_fresh(kStart + 1s));
  EXPECT_FALSE(lease_.begin_renewal(kStart + 2s));
  lease_.invalidate(kStart + 2s);
  EXPECT_EQ(lease_.standing(), Standing::left);
}

TEST_F(LeaseStateTest, RoutesToThoseWhoRenew) {
  hold(kStart);
  renew(kStart + 10s, true, {{"gw-a", {kFull, 1}}, {"gw-c", {kFull - 3s, 1}}});
  EXPECT_TRUE(lease_.is_alive("gw-a", kStart + 12s));
  EXPECT_FALSE(lease_.is_alive("gw-a", kStart + 13s));
  EXPECT_FALSE(lease_.is_alive("gw-c", kStart + 10s));
  EXPECT_TRUE(lease_.is_alive("gw-new", kStart + 10s));
  EXPECT_FALSE(lease_.is_gone("gw-a", kStart + 12s));
  EXPECT_TRUE(lease_.is_gone("gw-c", kStart + 10s));
  EXPECT_TRUE(lease_.is_gone("gw-never", kStart + 10s));
}

TEST_F(LeaseStateTest, NobodyIsDeadWhenRedisHasJustComeBack) {
  hold(kStart);
  lease_.on_down();
  lease_.on_up(kStart + 20s);
  renew(kStart + 20s, true, {{"gw-a", {-2ms, 1}}});
  EXPECT_FALSE(lease_.may_judge(kStart + 22s));
  EXPECT_TRUE(lease_.is_alive("gw-a", kStart + 22s));
  EXPECT_FALSE(lease_.is_alive("gw-a", kStart + 23s));
  EXPECT_FALSE(lease_.is_gone("gw-b", kStart + 22s));
  EXPECT_TRUE(lease_.is_gone("gw-b", kStart + 23s));
}

TEST_F(LeaseStateTest, TheFirstThatLivesKeepsHouse) {
  hold(kStart);
  EXPECT_FALSE(lease_.is_housekeeper());  // it does not know who else there is
  renew(kStart, true, {{"gw-a", {kFull, 1}}, {"gw-b", {kFull, 1}}});
  EXPECT_FALSE(lease_.is_housekeeper());
  renew(kStart, true, {{"gw-a", {kFull - 3s, 1}}, {"gw-b", {kFull, 1}}, {"gw-c", {kFull, 1}}});
  EXPECT_TRUE(lease_.is_housekeeper());
}

TEST_F(LeaseStateTest, RemovesWhatADeadOneLeftOneAtATime) {
  const Peers peers{{"gw-a", {-2ms, 7}}, {"gw-b", {-2ms, 1}}, {"gw-c", {0ms, 8}}};
  hold(kStart);
  renew(kStart + 14s, true, peers);
  EXPECT_EQ(lease_.begin_reaping(kStart + 14s), std::nullopt);  // not connected for a whole lease
  renew(kStart + 15s, true, peers);
  EXPECT_EQ(lease_.begin_reaping(kStart + 15s), "gw-a");
  EXPECT_EQ(lease_.connections_of("gw-a"), 7u);
  EXPECT_EQ(lease_.begin_reaping(kStart + 15s), std::nullopt);
  lease_.stop_reaping();
  renew(kStart + 16s, true, {{"gw-b", {kFull, 1}}, {"gw-c", {0ms, 8}}});
  EXPECT_EQ(lease_.begin_reaping(kStart + 16s), "gw-c");
  // The next one follows at once, though the last renewal still names the one that is done.
  renew(kStart + 17s, true, peers);
  lease_.stop_reaping();
  EXPECT_EQ(lease_.begin_reaping(kStart + 17s), "gw-a");
  lease_.on_reaped();
  EXPECT_EQ(lease_.begin_reaping(kStart + 17s), "gw-c");
  lease_.on_down();
  lease_.on_up(kStart + 20s);
  EXPECT_EQ(lease_.begin_reaping(kStart + 34s), std::nullopt);
  EXPECT_EQ(lease_.begin_reaping(kStart + 35s), "gw-c");
}

}  // namespace
}  // namespace gw::redis
