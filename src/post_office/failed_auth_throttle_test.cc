#include "post_office/failed_auth_throttle.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

const TimePoint t0{std::chrono::hours(1)};
const IpAddress kGuesser = *IpAddress::parse("203.0.113.9");
const IpAddress kOther = *IpAddress::parse("203.0.113.10");

void fail(FailedAuthThrottle& limit, const IpAddress& address, int times, TimePoint at = t0) {
  for (int i = 0; i < times; ++i) limit.record_failure(address, at);
}

TEST(FailedAuthThrottle, TwentyFailuresAreHeardTheNextWaits) {
  FailedAuthThrottle limit;
  fail(limit, kGuesser, 19);
  EXPECT_EQ(limit.wait(kGuesser, t0), Duration::zero());
  fail(limit, kGuesser, 1);
  EXPECT_EQ(limit.wait(kGuesser, t0), Duration(6s));
  EXPECT_EQ(limit.wait(kOther, t0), Duration::zero());
}

TEST(FailedAuthThrottle, TimeForgives) {
  FailedAuthThrottle limit;
  fail(limit, kGuesser, 20);
  EXPECT_GT(limit.wait(kGuesser, t0 + 5s), Duration::zero());
  EXPECT_EQ(limit.wait(kGuesser, t0 + 6s), Duration::zero());
  fail(limit, kGuesser, 1, t0 + 6s);
  EXPECT_GT(limit.wait(kGuesser, t0 + 6s), Duration::zero());
  EXPECT_EQ(limit.wait(kGuesser, t0 + 121s), Duration::zero());
  fail(limit, kGuesser, 19, t0 + 1000s);
  EXPECT_EQ(limit.wait(kGuesser, t0 + 1000s), Duration::zero());
}

TEST(FailedAuthThrottle, ANetworkOfOneMachineCountsAsOne) {
  FailedAuthThrottle limit;
  for (int i = 0; i < 20; ++i) {
    limit.record_failure(*IpAddress::parse("2001:db8::" + std::to_string(i)), t0);
  }
  EXPECT_GT(limit.wait(*IpAddress::parse("2001:db8::ffff"), t0), Duration::zero());
  EXPECT_EQ(limit.wait(*IpAddress::parse("2001:db8:0:1::1"), t0), Duration::zero());
}

TEST(FailedAuthThrottle, ItsTableIsBoundedAndAFullOneIsNoHole) {
  FailedAuthThrottleOptions options;
  options.addresses_max = 2;
  FailedAuthThrottle limit(options);
  fail(limit, *IpAddress::parse("192.0.2.1"), 1);
  fail(limit, *IpAddress::parse("192.0.2.2"), 1);
  fail(limit, kGuesser, 10);
  fail(limit, kOther, 10);  // they share what is left
  EXPECT_EQ(limit.size(), 2u);
  EXPECT_GT(limit.wait(kGuesser, t0), Duration::zero());
  EXPECT_EQ(limit.wait(*IpAddress::parse("192.0.2.1"), t0), Duration::zero());
  fail(limit, kGuesser, 1, t0 + 60s);  // the first two are forgotten by now
  EXPECT_EQ(limit.size(), 1u);
  EXPECT_EQ(limit.wait(kOther, t0 + 60s), Duration::zero());
}

}  // namespace
}  // namespace gw
