// Random calls of a run, on both engines, each answered as core/run/run_machine.h answers it.
#include <random>

#include "core/run/run_machine.h"
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

// Where each call goes to a server there are fewer, and the whole run is not looked at after each.
constexpr unsigned kHistories = 300, kHistoriesOfAServer = 8;

class RunHistoryContract : public RunContract {};

INSTANTIATE_TEST_SUITE_P(Engines, RunHistoryContract, testing::ValuesIn(kEngines), name_of);

class RunHistory {
 public:
  explicit RunHistory(unsigned seed) : random_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool chance(unsigned in) { return below(in) == 0; }

  RunClaim next_claim(const gw::Run& run) {
    RunClaim claim;
    claim.producer = names_[below(2)];
    if (chance(2)) claim.token = "t" + std::to_string(chance(3) ? below(5) : ++tokens_);
    if (chance(2)) claim.keep = below(static_cast<unsigned>(run.log.size()) + 3);
    if (chance(4)) claim.epoch = run.record.epoch + below(3) - std::min(run.record.epoch, 1U);
    claim.force = chance(2);
    if (chance(3)) claim.takeover = std::chrono::seconds(below(20));
    if (chance(4)) claim.group = "g";
    if (!claims_.empty() && chance(4)) return claims_[below(static_cast<unsigned>(claims_.size()))];
    claims_.push_back(claim);
    return claim;
  }
  RunAppend next_append(const gw::Run& run) {
    if (!appends_.empty() && chance(3)) {
      RunAppend again = appends_[appends_.size() - 1 - below(std::min<unsigned>(20, count(appends_)))];
      if (chance(4)) again.bytes += "!";
      return again;
    }
    RunAppend append;
    append.producer = chance(10) ? names_[below(2)] : run.record.producer.str();
    append.epoch = chance(10) ? below(5) : run.record.claim_epoch;
    append.seq = run.record.batches.next();
    if (chance(10)) append.seq += below(3);
    for (unsigned i = below(6); i > 0; --i) append.bytes += pieces_[below(4)];
    if (chance(50)) append.end = RunEnd{RunStatus::failed, RunError{"why", "é"}, chance(2) ? "{}" : ""};
    appends_.push_back(append);
    return append;
  }
  RunHeartbeat next_heartbeat(const gw::Run& run) {
    if (chance(4)) return {names_[below(2)], below(5)};
    return {run.record.producer, run.record.claim_epoch};
  }

 private:
  static unsigned count(const std::vector<RunAppend>& appends) {
    return static_cast<unsigned>(appends.size());
  }

  std::mt19937 random_;
  const std::string names_[2] = {"a", "b"};
  const std::string pieces_[4] = {"a", "é", "😀", "word "};
  unsigned tokens_ = 0;
  std::vector<RunClaim> claims_;
  std::vector<RunAppend> appends_;
};

// But for times: where the clock is the server's, those are its own.
template <class T>
void expect_same_answer(const RunResult<T>& answer, const RunResult<T>& expected) {
  ASSERT_EQ(answer.has_value(), expected.has_value())
      << (answer ? "" : answer.error().detail) << (expected ? "" : expected.error().detail);
  if (answer) {
    EXPECT_TRUE(*answer == *expected);
  } else {
    EXPECT_EQ(to_string(answer.error().code), to_string(expected.error().code));
    // What can't be asked of such a run is wrong whatever it is now: one that reads it may join another's
    // read.
    if (answer.error().code != RunErrc::invalid_argument) {
      EXPECT_EQ(answer.error().run, expected.error().run)
          << to_string(answer.error().code) << ": " << answer.error().detail;
    }
    EXPECT_EQ(answer.error().epoch, expected.error().epoch);
    EXPECT_EQ(answer.error().expected_seq, expected.error().expected_seq);
  }
}

void expect_same_run(const gw::Run& run, const gw::Run& expected) {
  EXPECT_EQ(run.log.bytes(), expected.log.bytes());
  EXPECT_EQ(run.log.bases(), expected.log.bases());
  EXPECT_EQ(top_of(run), top_of(expected));
  const RunRecord &record = run.record, &model = expected.record;
  EXPECT_EQ(record.claim_epoch, model.claim_epoch);
  EXPECT_EQ(record.producer, model.producer);
  EXPECT_EQ(record.shown->token.empty(), model.shown->token.empty()) << "Redis has its digest";
  EXPECT_EQ(record.shown->group, model.shown->group);
  EXPECT_EQ(record.lease, model.lease);
  EXPECT_EQ(record.takeover, model.takeover);
  EXPECT_EQ(record.cancel_requested, model.cancel_requested);
  EXPECT_EQ(record.rare->error, model.rare->error);
  EXPECT_EQ(record.rare->result, model.rare->result);
}

TEST_P(RunHistoryContract, AnswersAsTheMachineSays) {
  constexpr Duration kTick = 250ms;  // after which a memory engine looks
  limits_.made_per_second = 0;
  limits_.kept_runs_per_user = 10'000;
  limits_.open_runs_per_user = 10'000;
  begin();
  const unsigned histories = under_test_->has_exact_clock() ? kHistories : kHistoriesOfAServer;
  for (unsigned seed = 1; seed <= histories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RunHistory history(seed);
    NewRun asked = new_run("r" + std::to_string(seed));
    constexpr RunFormat kFormats[] = {RunFormat::text, RunFormat::text, RunFormat::ai_sdk, RunFormat::ag_ui};
    asked.format = kFormats[seed % 4];
    asked.bytes_max = is_framed(asked.format) ? 3000 : 500;
    const std::string& id = asked.run_id;
    ASSERT_TRUE(create(asked));
    gw::Run model = run::make(asked, limits_, store().now());
    const auto reader = read(id);
    for (int step = 0; step < 60 && !HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      run::Changes changes;
      const WallTime now = store().now();
      const unsigned what = history.below(20);
      if (what < 4) {
        const RunClaim asks = history.next_claim(model);
        expect_same_answer(claim(id, asks), run::claim(model, asks, ack_wait(), now, changes));
      } else if (what < 15) {
        const RunAppend asks = history.next_append(model);
        expect_same_answer(append(id, asks), run::append(model, asks, now, changes));
      } else if (what < 17) {
        const RunHeartbeat asks = history.next_heartbeat(model);
        expect_same_answer(heartbeat(id, asks), run::heartbeat(model, asks, now));
      } else if (what < 18 && history.chance(4)) {
        EXPECT_EQ(*cancel(id), run::cancel(model, "enough", now, changes));
      } else if (what >= 18 && under_test_->has_exact_clock()) {
        for (unsigned ticks = history.below(30); ticks > 0; --ticks) {
          pass(kTick);
          run::settle(model, limits_.cancel_grace, store().now(), changes);
        }
      }
      if (!under_test_->has_exact_clock() && step % 4 != 3) continue;
      const auto run = find(id);
      ASSERT_TRUE(run);
      expect_same_run(*run, model);
    }
    EXPECT_TRUE(until([&] { return reader->text == model.log.bytes(); }));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace gw
