#include "core/circuit_breaker.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

using State = CircuitBreaker::State;
const TimePoint t0{};

CircuitBreaker opened() {
  CircuitBreaker breaker({});
  for (int i = 0; i < 5; ++i) breaker.on_failure(t0);
  return breaker;
}

TEST(CircuitBreaker, OpensAfterFiveFailuresInARow) {
  CircuitBreaker breaker({});
  for (int i = 0; i < 4; ++i) breaker.on_failure(t0);
  EXPECT_TRUE(breaker.allow(t0));
  breaker.on_success();
  for (int i = 0; i < 4; ++i) breaker.on_failure(t0);
  EXPECT_EQ(breaker.state(), State::closed);
  breaker.on_failure(t0);
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_EQ(breaker.failures(), 5u);
  EXPECT_FALSE(breaker.allow(t0 + 29s));
}

TEST(CircuitBreaker, LetsOneAtATimeThroughHalfOpenAndClosesAfterTwoSuccesses) {
  CircuitBreaker breaker = opened();
  EXPECT_TRUE(breaker.allow(t0 + 30s));
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_FALSE(breaker.allow(t0 + 30s));
  breaker.on_success();
  EXPECT_EQ(breaker.state(), State::half_open);
  EXPECT_TRUE(breaker.allow(t0 + 30s));
  breaker.on_success();
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_EQ(to_string(breaker.state()), "closed");
}

TEST(CircuitBreaker, OpensAgainWhenTheTrialFails) {
  CircuitBreaker breaker = opened();
  EXPECT_TRUE(breaker.allow(t0 + 30s));
  breaker.on_failure(t0 + 30s);
  EXPECT_EQ(breaker.state(), State::open);
  EXPECT_FALSE(breaker.allow(t0 + 59s));
  EXPECT_TRUE(breaker.allow(t0 + 60s));
}

TEST(CircuitBreaker, TriesAtOnceWhenToldThatTheEngineIsBack) {
  CircuitBreaker breaker = opened();
  breaker.try_again();
  EXPECT_TRUE(breaker.allow(t0));
  EXPECT_EQ(breaker.state(), State::half_open);
}

TEST(CircuitBreaker, ClosesWhenToldThatTheEngineWorks) {
  CircuitBreaker breaker = opened();
  breaker.close();
  EXPECT_EQ(breaker.state(), State::closed);
  EXPECT_EQ(breaker.failures(), 0u);
  for (int i = 0; i < 4; ++i) breaker.on_failure(t0);
  EXPECT_TRUE(breaker.allow(t0));
  breaker.on_failure(t0);
  EXPECT_FALSE(breaker.allow(t0));
}

}  // namespace
}  // namespace gw
