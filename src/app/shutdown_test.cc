#include "app/shutdown.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace gw {
namespace {

using StepDone = std::function<void()>;

class ShutdownTest : public ::testing::Test {
 protected:
  ShutdownStep step(std::string_view name, Duration limit, std::function<void(StepDone)> run) {
    return {name, limit,
            [this, name, run](StepDone done) {
              told_.append(name).append(" ");
              run(std::move(done));
            },
            [this](bool in_time) { told_.append(in_time ? "done " : "late "); }};
  }

  // What ran, in order, until all is over.
  std::string run(std::vector<ShutdownStep> steps) {
    shutdown_ = std::make_unique<Shutdown>(loop_, std::move(steps));
    bool over = false;
    shutdown_->begin([&] { over = true; });
    const TimePoint deadline = steady_now() + 30s;
    while (!over && steady_now() < deadline) loop_.turn(10ms);
    EXPECT_TRUE(over);
    return told_;
  }

  EventLoop loop_;
  std::unique_ptr<Shutdown> shutdown_;
  std::string told_;
};

void at_once(const StepDone& done) { done(); }
void never(const StepDone&) {}

TEST_F(ShutdownTest, StepsRunInOrderEachAfterTheOneBefore) {
  EventLoop::Registration timer;
  const auto later = [&](StepDone done) { timer = loop_.after(1ms, std::move(done)); };
  EXPECT_EQ(run({step("first", 20s, at_once), step("second", 20s, later), step("third", 20s, at_once)}),
            "first done second done third done ");
}

TEST_F(ShutdownTest, AStepThatTakesTooLongHoldsNothingUp) {
  EXPECT_EQ(run({step("first", 1ms, never), step("second", 20s, at_once)}), "first late second done ");
}

TEST_F(ShutdownTest, WhatEndsLateOrTwiceEndsNoOtherStep) {
  StepDone late;
  const auto keep = [&](StepDone done) { late = std::move(done); };
  const auto end_the_first_again = [&](const StepDone& done) {
    late();
    late();
    told_.append("still ");
    done();
  };
  EXPECT_EQ(run({step("first", 1ms, keep), step("second", 20s, end_the_first_again)}),
            "first late second still done ");
}

TEST_F(ShutdownTest, NothingToDoIsDoneToo) { EXPECT_EQ(run({}), ""); }

}  // namespace
}  // namespace gw
