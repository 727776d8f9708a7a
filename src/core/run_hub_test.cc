#include "core/run_hub.h"

#include <gtest/gtest.h>

#include <set>

namespace gw {
namespace {

using Kind = RunStep::Kind;
using State = RunHub::State;

RunScopePtr run_named(const std::string& id) { return std::make_shared<const RunScope>(RunScope{id, 0, {}}); }
RunCursor at(uint64_t pos, uint32_t epoch = 1) { return {epoch, pos, {static_cast<uint32_t>(pos), 7}}; }

// A shard's outboxes: which have room, and what went into them.
class RunHubTest : public testing::Test {
 protected:
  void step(const RunStep& what, const std::string& run_id = "r") {
    hub_.advance(
        run_id, what, now_,
        [&](uint32_t slot) {
          if (full_.contains(slot)) return false;
          sent_ += std::to_string(slot) + " ";
          return true;
        },
        [&](uint32_t slot) { ended_ += std::to_string(slot) + " "; },
        [&](uint32_t slot) { looked_ += std::to_string(slot) + " "; });
  }
  void delta(uint64_t from, uint64_t to, uint32_t epoch = 1) { step({Kind::delta, from, at(to, epoch)}); }
  std::string taken(std::string& text) { return std::exchange(text, ""); }
  // "run@pos" for each that is asked for.
  std::string asked(uint32_t slot) {
    std::string out;
    hub_.catch_up(slot, [&](const RunScopePtr& run, const RunHub::Reader& reader) {
      out += run->run_id + "@" + std::to_string(reader.pos) + (reader.is_slow ? "s " : " ");
    });
    return out;
  }

  RunHub hub_;
  const RunScopePtr run_ = run_named("r");
  TimePoint now_;
  std::set<uint32_t> full_;
  std::string sent_, ended_, looked_;
};

TEST_F(RunHubTest, GivesADeltaToThoseThatAreWhereItBegins) {
  hub_.attach(1, run_, at(10), State::following);
  hub_.attach(2, run_, at(10), State::following);
  delta(10, 15);
  EXPECT_EQ(taken(sent_), "1 2 ");
  delta(15, 20);
  EXPECT_EQ(taken(sent_), "1 2 ");
  // It has that already, from the log: nothing.
  delta(12, 20);
  EXPECT_EQ(taken(sent_) + taken(looked_), "");
  // Somewhere else: it asks where it is.
  delta(25, 30);
  EXPECT_EQ(taken(sent_), "");
  EXPECT_EQ(taken(looked_), "1 2 ");
  EXPECT_EQ(asked(1), "r@20 ");
}

TEST_F(RunHubTest, ASlowReaderIsAPlace) {
  hub_.attach(1, run_, at(0), State::following);
  full_ = {1};
  delta(0, 5);
  full_.clear();
  delta(5, 9);
  step({Kind::top});
  EXPECT_EQ(taken(sent_), "") << "nothing, until its outbox is empty";
  EXPECT_EQ(asked(1), "r@0s ");
  EXPECT_EQ(asked(1), "") << "once";
  EXPECT_EQ(hub_.find_asked(1, "r", at(3)), nullptr) << "the answer to another question";
  RunHub::Reader* const reader = hub_.find_asked(1, "r", at(0));
  ASSERT_NE(reader, nullptr);
  reader->place(at(9));
  reader->state(State::following);
  delta(9, 12);
  EXPECT_EQ(taken(sent_), "1 ");
}

TEST_F(RunHubTest, ANewEpochIsToldBeforeAnythingOfIt) {
  hub_.attach(1, run_, at(10), State::following);
  delta(10, 12, 2);
  EXPECT_EQ(taken(sent_), "");
  hub_.attach(2, run_, at(10), State::following);
  step({Kind::reset, 0, at(4, 2)});
  delta(4, 6, 2);
  EXPECT_EQ(taken(sent_), "2 2 ");
}

TEST_F(RunHubTest, TheEndIsHeardOnceAndByThoseThatLagLater) {
  hub_.attach(1, run_, at(0), State::following);
  hub_.attach(2, run_, at(0), State::lagging);
  step({Kind::end, 0, at(0)});
  EXPECT_EQ(taken(ended_), "1 ");
  EXPECT_FALSE(hub_.reads(1, "r"));
  EXPECT_TRUE(hub_.reads(2, "r"));
  step({Kind::gone, 0, at(0)});
  EXPECT_EQ(taken(ended_), "2 ");
  EXPECT_EQ(hub_.count(2), 0u);
}

TEST_F(RunHubTest, CoalescesByTheClock) {
  hub_.attach(1, run_, at(0), State::following, 250);
  const TimePoint begin = now_;
  delta(0, 5);
  delta(5, 9);
  EXPECT_EQ(taken(sent_), "");
  EXPECT_EQ(hub_.next_due(), begin + 250ms);
  EXPECT_EQ(asked(1), "") << "not yet";
  hub_.wake_due(begin + 249ms, [](uint32_t) { FAIL(); });
  uint32_t woken = 0;
  hub_.wake_due(begin + 250ms, [&](uint32_t slot) { woken = slot; });
  EXPECT_EQ(woken, 1u);
  EXPECT_EQ(asked(1), "r@0 ") << "in large pieces: it is not slow";
  EXPECT_EQ(hub_.next_due(), TimePoint::max());
}

TEST_F(RunHubTest, AttachingAgainReplacesThePlace) {
  EXPECT_FALSE(hub_.attach(1, run_, at(0), State::asked));
  EXPECT_TRUE(hub_.attach(1, run_, at(7), State::following));
  EXPECT_EQ(hub_.count(1), 1u);
  EXPECT_EQ(hub_.find_asked(1, "r", at(0)), nullptr) << "an answer on its way is void";
  delta(7, 8);
  EXPECT_EQ(taken(sent_), "1 ");
}

TEST_F(RunHubTest, AsksForAFewAtOnceAndForAllInTurn) {
  std::set<std::string> seen;
  for (int i = 0; i < 10; ++i) hub_.attach(1, run_named("r" + std::to_string(i)), at(0), State::lagging);
  for (int round = 0; round < 3; ++round) {
    size_t count = 0;
    std::vector<std::string> asked_now;
    hub_.catch_up(1, [&](const RunScopePtr& run, const RunHub::Reader&) {
      ++count;
      asked_now.push_back(run->run_id);
    });
    EXPECT_LE(count, RunHub::kCatchUpsAtOnce);
    seen.insert(asked_now.begin(), asked_now.end());
    // None of them is done with: each lags again.
    for (const std::string& id : asked_now) hub_.find_asked(1, id, at(0))->state(State::lagging);
  }
  EXPECT_EQ(seen.size(), 10u);
}

TEST_F(RunHubTest, WhoeverLeavesTakesNobodyElseAlong) {
  for (uint32_t slot = 1; slot <= 5; ++slot) hub_.attach(slot, run_, at(0), State::following);
  hub_.attach(1, run_named("other"), at(0), State::following);
  EXPECT_EQ(hub_.detach_all(1).size(), 2u);
  EXPECT_EQ(hub_.detach(3, "r"), run_);
  EXPECT_EQ(hub_.detach(3, "r"), nullptr);
  delta(0, 1);
  EXPECT_EQ(std::set<char>(sent_.begin(), sent_.end()), (std::set<char>{' ', '2', '4', '5'}));
  for (const uint32_t slot : {2u, 4u, 5u}) EXPECT_EQ(hub_.detach_all(slot).size(), 1u);
  delta(1, 2);
  EXPECT_EQ(hub_.count(2), 0u);
}

}  // namespace
}  // namespace gw
