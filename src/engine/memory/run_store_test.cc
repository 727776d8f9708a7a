// What only the memory engine does: its clock, its end, its order of telling.
#include "engine/memory/run_store.h"

#include "engine/contract_runs_testing.h"

namespace gw::memory {
namespace {

class MemoryRunStore : public RunStoreTest {
 protected:
  void begin() {
    auto made = std::make_unique<MemoryRunStoreUnderTest>(channels_, limits_);
    memory_ = made.get();
    under_test_ = std::move(made);
  }
  StillMachine& machine() { return memory_->machine(); }

  MemoryRunStoreUnderTest* memory_ = nullptr;
};

TEST_F(MemoryRunStore, AnEngineThatSleptEndsNothing) {
  begin();
  create(claimed_run("owned"));
  create(new_run("queued"));
  create(claimed_run("asked"));
  cancel("asked");
  machine().stall(2h);
  pass(0ms);
  EXPECT_EQ(error_of(claim("owned", "b")), "run_held");
  for (const char* id : {"owned", "asked"}) EXPECT_EQ(status_of(id), "in_progress") << id;
  EXPECT_EQ(status_of("queued"), "queued");
  pass(4s);
  EXPECT_EQ(status_of("asked"), "in_progress");
  pass(2s);
  EXPECT_EQ(status_of("asked"), "cancelled");
  EXPECT_EQ(status_of("owned"), "in_progress");
  pass(5s);
  EXPECT_EQ(status_of("owned"), "abandoned");
  pass(60s);
  EXPECT_EQ(status_of("queued"), "abandoned");
}

TEST_F(MemoryRunStore, AClockThatIsSetDoesNotMoveTheEnds) {
  begin();
  create(claimed_run("r"));
  machine().set_wall(-24h);
  pass(9s);
  EXPECT_EQ(status_of("r"), "in_progress");
  pass(2s);
  EXPECT_EQ(status_of("r"), "abandoned") << "not a day later";
  create(claimed_run("s"));
  machine().set_wall(+24h);
  pass(1s);
  EXPECT_EQ(status_of("s"), "in_progress");
  pass(10s);
  EXPECT_EQ(status_of("s"), "abandoned");
}

TEST_F(MemoryRunStore, ItsEndIsTheEndOfItsRuns) {
  begin();
  create(claimed_run("r"));
  append("r", 0, "half");
  create(new_run("queued"));
  create(claimed_run("over"));
  append("over", 0, "", RunEnd{});
  const auto reader = read("r");
  reader->on_change = [&](const gw::Run&, const RunChange&) {
    store().cancel("queued", {}, "", [](const RunResult<RunCancelled>&) {});
  };
  store().stop();
  EXPECT_EQ(reader->kinds(), "end");
  EXPECT_EQ(status_of("r"), "abandoned");
  EXPECT_EQ(end_code_of("r"), "gateway_stopped");
  EXPECT_EQ(status_of("queued"), "cancelled") << "its reader was first";
  EXPECT_EQ(status_of("over"), "completed");
  EXPECT_EQ(error_of(create(new_run("late"))), "unavailable");
  EXPECT_TRUE(create(claimed_run("over"))->existed);
}

TEST_F(MemoryRunStore, ItsBytesHaveABound) {
  limits_.store_bytes = 1000;
  begin();
  for (const char* id : {"r1", "r2"}) create(claimed_run(id, id));
  append("r1", 0, std::string(600, 'x'));
  EXPECT_EQ(error_of(append("r2", 0, std::string(600, 'x'))), "resource_exhausted");
  EXPECT_EQ(store().stats().bytes, 600u);
  append("r1", 1, "", RunEnd{});
  EXPECT_EQ(error_of(append("r2", 0, std::string(600, 'x'))), "none");
  EXPECT_EQ(store().stats().bytes, 600u);
  EXPECT_TRUE(find("r1")->log.is_expired());
}

TEST_F(MemoryRunStore, WhatIsKeptHasABound) {
  limits_.open_runs = 10;
  begin();
  const auto make = [&](int i) {
    NewRun run = new_run("r" + std::to_string(i));
    run.audience = {};
    EXPECT_EQ(error_of(create(run)), "none");
    cancel(run.run_id);
  };
  for (int i = 0; i < 50; ++i) make(i);
  EXPECT_EQ(store().stats().kept, 20u);
  EXPECT_EQ(status_of("r29"), "run_not_found");
  EXPECT_EQ(status_of("r30"), "cancelled");
  EXPECT_EQ(store().stats().open, 0u);
}

TEST_F(MemoryRunStore, ALogThatIsGoneCountsForNobody) {
  limits_.user_bytes = 1000;
  begin();
  for (int i = 0; i < 100; ++i) {
    const std::string id = "r" + std::to_string(i);
    create(claimed_run(id));
    EXPECT_EQ(error_of(append(id, 0, std::string(900, 'x'), RunEnd{})), "none");
    if (i % 3 == 0) remove(id);
  }
  pass(2h);
  EXPECT_EQ(store().stats().kept, 0u);
  EXPECT_EQ(store().stats().bytes, 0u);
}

TEST_F(MemoryRunStore, ALeaseThatIsRenewedIsNotOver) {
  begin();
  create(claimed_run("r"));
  for (int i = 0; i < 100; ++i) {
    pass(3s);
    ASSERT_EQ(error_of(heartbeat("r", {"a", 1})), "none");
  }
  pass(10s);
  EXPECT_EQ(status_of("r"), "abandoned");
}

TEST_F(MemoryRunStore, ARateIsForgottenWhenItWouldBeFull) {
  RunRates rates({2, 4});
  const TimePoint t0{100s};
  const auto waits = [&](Duration at) { return rates.take("ann", t0 + at); };
  for (int i = 0; i < 4; ++i) EXPECT_EQ(waits(0ms), 0ms);
  EXPECT_EQ(waits(0ms), 500ms);
  EXPECT_EQ(waits(1900ms), 0ms);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(waits(1900ms), 0ms);
  EXPECT_GT(waits(1900ms), 0ms);
  EXPECT_EQ(waits(2100ms), 0ms);
  EXPECT_EQ(waits(2100ms), 400ms) << "over the turn its tokens stay what they were";
  for (int i = 0; i < 4; ++i) EXPECT_EQ(waits(60s), 0ms);
  EXPECT_GT(waits(60s), 0ms);
}

}  // namespace
}  // namespace gw::memory
