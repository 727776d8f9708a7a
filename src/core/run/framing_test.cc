#include "core/run/framing.h"

#include <gtest/gtest.h>

#include <map>

#include "core/run/framed_story_testing.h"
#include "core/run/run_machine_testing.h"

namespace gw::run {
namespace {

class FramedRun : public RunMachine {
 protected:
  void begin(RunFormat format, uint64_t bytes_max = 0) {
    NewRun asked;
    asked.run_id = "r";
    asked.thread_id = "t";
    asked.format = format;
    asked.bytes_max = bytes_max;
    run_ = make(asked, limits_, t0);
  }
  RunResult<RunAppended> say(uint64_t seq, const std::string& bytes, RunFormat format = RunFormat::text,
                             std::optional<RunEnd> end = {}, uint32_t epoch = 1) {
    RunAppend append;
    append.producer = "a";
    append.epoch = epoch;
    append.seq = seq;
    append.bytes = bytes;
    append.format = format;
    append.end = std::move(end);
    return this->append(append);
  }
  std::string log() const { return run_.log.bytes(); }
  std::string last_line() const {
    const std::string all = log();
    return all.substr(all.rfind('\n', all.size() - 2) + 1);
  }
};

TEST_F(FramedRun, HasItsBeginningFromItsMakingOn) {
  begin(RunFormat::ag_ui);
  EXPECT_EQ(log(), "{\"type\":\"RUN_STARTED\",\"threadId\":\"t\",\"runId\":\"r\"}\n");
  const auto claimed = claim("a");
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->pos, log().size());
  EXPECT_EQ(claimed->hash, run_.log.hash());
}

TEST_F(FramedRun, AnswersWhatIsSaidAgainAsTheFirstTime) {
  begin(RunFormat::ai_sdk);
  claim("a");
  const auto first = say(0, "one");
  const auto second = say(1, "two", RunFormat::text, RunEnd{});
  ASSERT_TRUE(first && second);
  const auto again = say(0, "one");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->pos, first->pos);
  EXPECT_EQ(again->hash, first->hash);
  EXPECT_EQ(say(1, "two", RunFormat::text, RunEnd{})->pos, second->pos);
  EXPECT_EQ(error_of(say(0, "other")), "sequence_conflict");
  EXPECT_EQ(error_of(say(1, "two")), "sequence_conflict") << "the end is missing";
  expire(run_);
  EXPECT_EQ(say(1, "two", RunFormat::text, RunEnd{})->pos, second->pos);
}

TEST_F(FramedRun, EndsInItsLogWhoeverEndsIt) {
  const std::vector<std::pair<std::string, std::function<void()>>> ends{
      {"no_agent", [&] { settle(limits_.start_timeout); }},
      {"agent_lost", [&] { claim("a"), say(0, "x"), settle(RunLimits::kLease); }},
      {"cancelled", [&] { cancel(); }},
      {"cancelled", [&] { claim("a"), say(0, "x"), cancel(), settle(limits_.cancel_grace); }},
      {"gateway_stopped",
       [&] {
         run::end(run_, RunStatus::abandoned, {"gateway_stopped", "bye"}, now_, changes_);
       }},
      {"none", [&] { claim("a"), say(0, "x", RunFormat::text, RunEnd{}); }},
      {"mine",
       [&] {
         claim("a"), say(0, "x", RunFormat::text, RunEnd{RunStatus::failed, RunError{"mine", ""}});
       }},
  };
  for (const RunFormat format : {RunFormat::ai_sdk, RunFormat::ag_ui}) {
    for (const auto& [code, end] : ends) {
      begin(format);
      now_ = t0;
      end();
      EXPECT_EQ(end_code(), code);
      protocol::FramedStreamReader reader(format == RunFormat::ai_sdk ? protocol::FramedProtocol::ai_sdk
                                                                      : protocol::FramedProtocol::ag_ui);
      EXPECT_EQ(reader.read(log()), "");
      EXPECT_TRUE(reader.is_over()) << code << "\n" << log();
      EXPECT_EQ(reader.terminal(), code == "none" ? "stop" : code == "cancelled" ? "other" : "error");
      ASSERT_FALSE(changes_.empty());
      EXPECT_TRUE(changes_.back().bytes.ends_with(last_line())) << "it is told with the end";
    }
  }
}

TEST_F(FramedRun, IsNeverCut) {
  begin(RunFormat::ai_sdk);
  RunClaim cut = claim_of("a"), anew = claim_of("a");
  anew.keep = 0;
  anew.token = "t";
  cut.keep = 5;
  EXPECT_EQ(error_of(claim(cut)), "invalid_argument");
  ASSERT_TRUE(claim(anew));
  EXPECT_EQ(changes_.size(), 1u) << "nothing to take back";
  anew.token = "u";
  say(0, "one");
  const uint64_t before = log().size();
  const auto claimed = claim(anew);
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->pos, log().size());
  EXPECT_TRUE(log().ends_with("{\"type\":\"reset-step\"}\n{\"type\":\"start-step\"}\n"));
  EXPECT_EQ(run_.log.bases()[2], before) << "an epoch begins where the log was";
  ASSERT_EQ(changes_.size(), 2u);
  EXPECT_EQ(changes_[0].from, before);
  EXPECT_EQ(changes_[1].bytes, log().substr(before));
  // The same claim again is answered as the first time.
  say(0, "two", RunFormat::text, {}, 2);
  const auto again = claim(anew);
  ASSERT_TRUE(again && again->repeated);
  EXPECT_EQ(again->pos, claimed->pos);
  EXPECT_EQ(again->hash, claimed->hash);
}

TEST_F(FramedRun, KeepsRoomForItsEnd) {
  begin(RunFormat::ag_ui, 1500);
  claim("a");
  uint64_t seq = 0;
  while (say(seq, "some text")) ++seq;
  EXPECT_EQ(error_of(say(seq, "some text")), "run_too_large");
  EXPECT_GT(seq, 0u);
  ASSERT_TRUE(say(seq, "", RunFormat::text, RunEnd{}));
  EXPECT_LE(log().size(), 1500u);
  NewRun small;
  small.run_id = "r";
  small.format = RunFormat::ag_ui;
  small.bytes_max = 100;
  EXPECT_EQ(refuse_head(small, limits_)->code, RunErrc::too_large);
}

TEST_F(FramedRun, SaysWhichItemIsWrong) {
  begin(RunFormat::ag_ui);
  claim("a");
  const auto refused =
      say(0, "{\"type\":\"CUSTOM\",\"name\":\"n\",\"value\":1}\n{\"type\":\"NO\"}\n", RunFormat::json);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "items[1] (NO): type must be that of an event of AG-UI 1.0");
  EXPECT_EQ(refused.error().run->pos, log().size());
  ASSERT_TRUE(say(0, "text"));
  EXPECT_EQ(error_of(say(1, "{}\n", RunFormat::json)), "mixed_framing");
}

// --- Random histories -------------------------------------------------------------------------------------

struct MachineRuns {
  RunLimits limits;
  gw::Run run;
  WallTime now{1'700'000'000'000ms};
  Changes changes = {};
  std::string heard = {};

  RunResult<RunClaimed> claim(const RunClaim& claim) {
    return told(run::claim(run, claim, 30s, now, changes));
  }
  RunResult<RunAppended> append(const RunAppend& append) {
    return told(run::append(run, append, now, changes));
  }
  void cancel() { told(run::cancel(run, "why", now, changes)); }
  void pass(Duration time) {
    now += std::chrono::duration_cast<std::chrono::milliseconds>(time);
    run::settle(run, limits.cancel_grace, now, changes);
    told(0);
  }
  std::string log() const { return run.log.bytes(); }
  std::pair<RunStatus, std::string> look() const { return {run.record.status, log()}; }
  template <class T>
  T told(T answer) {
    for (const RunChange& change : std::exchange(changes, {})) {
      EXPECT_EQ(change.from, heard.size());
      heard += change.bytes;
    }
    EXPECT_EQ(heard, log());
    return answer;
  }
};

TEST(FramedRunOracle, AgreesWithThousandsOfHistories) {
  std::map<std::string, int> counts;
  for (unsigned seed = 1; seed <= 3000 && !testing::Test::HasFailure(); ++seed) {
    NewRun asked;
    asked.run_id = "r";
    asked.format = seed % 2 == 0 ? RunFormat::ai_sdk : RunFormat::ag_ui;
    asked.bytes_max = 2500;
    MachineRuns runs{};
    runs.run = make(asked, runs.limits, runs.now);
    runs.heard = runs.log();
    FramedStory<MachineRuns> story(seed, asked.format, asked.bytes_max, runs, counts);
    if (story.tell(40)) story.finish();
  }
  for (const char* answer :
       {"claim: none", "claim: invalid_argument", "claim: run_held", "claim: run_ended",
        "claim: run_too_large", "append: none", "append: duplicate", "append: sequence_conflict",
        "append: mixed_framing", "append: invalid_argument", "append: run_too_large", "append: run_ended"})
    EXPECT_GT(counts[answer], 50) << answer;
}

}  // namespace
}  // namespace gw::run
