// A run whose trace is kept: its span stands in its record, and is told once when the run is over.
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

class RunTraceContract : public RunContract {
 protected:
  struct Told {
    std::string run_id;
    RunEnded ended;
  };

  void begin() {
    RunContract::begin();
    store().on_ended([this](const std::string& run_id, const RunEnded& ended) {
      told_.push_back({run_id, ended});
    });
  }
  NewRun traced(NewRun run) {
    run.span = begin_span({}, protocol::new_trace(true), {}, 1'700'000'000'123'456'789);
    span_ = *run.span;
    return run;
  }
  // "id status code epoch pos", of each that was told.
  std::string told() const {
    std::string out;
    for (const auto& [run_id, ended] : told_) {
      out.append(out.empty() ? "" : ", ").append(run_id).append(" ").append(to_string(ended.top.status));
      out.append(" ").append(ended.error.empty() ? "-" : ended.error).append(" ");
      out.append(std::to_string(ended.top.epoch)).append(" ").append(std::to_string(ended.top.pos));
    }
    return out;
  }
  bool comes(const std::string& what, Duration patience = 10s) {
    return until([&] { return told() == what; }, patience);
  }

  std::vector<Told> told_;
  OpenSpan span_;
};

INSTANTIATE_TEST_SUITE_P(Engines, RunTraceContract, testing::ValuesIn(kEngines), name_of);

TEST_P(RunTraceContract, TheSpanStandsInTheRecordAndIsToldAtTheEnd) {
  begin();
  NewRun asked = traced(new_run("r"));
  asked.channel = 1;
  create(asked);
  const auto made = find("r");
  ASSERT_TRUE(made && made->record.rare->trace);
  EXPECT_EQ(made->record.rare->trace->span.context, span_.context);
  EXPECT_EQ(made->record.rare->trace->span.parent, span_.parent);
  EXPECT_EQ(made->record.rare->trace->span.started_at, span_.started_at);
  EXPECT_FALSE(made->record.rare->trace->first_claim_at);
  pass(20ms);
  claim("r", "a");
  pass(20ms);
  append("r", 0, "one ");
  pass(20ms);
  RunClaim anew = claim_of("a");
  anew.keep = 0;
  claim("r", anew);
  append("r", 0, "two", {}, 2);
  EXPECT_EQ(told(), "");
  append("r", 1, "", RunEnd{}, 2);
  ASSERT_TRUE(comes("r completed - 2 3"));
  const RunEnded& ended = told_[0].ended;
  const RunRecord record = find("r")->record;
  EXPECT_EQ(ended.channel, "pillar:content");
  EXPECT_EQ(ended.created_at, record.created_at);
  EXPECT_EQ(ended.ended_at, record.ended_at);
  EXPECT_EQ(ended.trace.span.context, span_.context);
  EXPECT_EQ(ended.trace.span.parent, span_.parent);
  EXPECT_EQ(ended.trace.first_claim_at, record.rare->trace->first_claim_at);
  EXPECT_EQ(ended.trace.first_byte_at, record.rare->trace->first_byte_at);
  ASSERT_TRUE(ended.trace.first_claim_at && ended.trace.first_byte_at);
  EXPECT_GE(*ended.trace.first_claim_at, ended.created_at + 20ms);
  EXPECT_GE(*ended.trace.first_byte_at, *ended.trace.first_claim_at + 20ms);
  EXPECT_GE(ended.ended_at, *ended.trace.first_byte_at + 20ms) << "a claim anew is not the first";
}

TEST_P(RunTraceContract, OfARunThatIsNotTracedNothingIsKeptOrTold) {
  begin();
  create(claimed_run("r"));
  append("r", 0, "text", RunEnd{});
  EXPECT_EQ(status_of("r"), "completed");
  EXPECT_FALSE(find("r")->record.rare->trace);
  create(claimed_run("removed"));
  remove("removed");
  settle();
  EXPECT_EQ(told(), "");
}

TEST_P(RunTraceContract, AnOwnersEndIsToldOnceHoweverOftenItIsSaid) {
  begin();
  create(traced(claimed_run("r")));
  const RunEnd failed{RunStatus::failed, RunError{"tired", "of it"}, ""};
  EXPECT_FALSE(append("r", 0, "half", failed)->duplicate);
  EXPECT_TRUE(append("r", 0, "half", failed)->duplicate);
  cancel("r");
  remove("r");
  settle();
  EXPECT_EQ(told(), "r failed tired 1 4");
}

TEST_P(RunTraceContract, WhoeverMadeARunThatIsClaimedAtOnceSeesItsFirstClaim) {
  begin();
  const NewRun asked = traced(claimed_run("r"));
  create(asked);
  EXPECT_TRUE(create(asked)->existed);
  append("r", 0, "", RunEnd{});
  ASSERT_TRUE(comes("r completed - 1 0"));
  EXPECT_EQ(told_[0].ended.trace.first_claim_at, told_[0].ended.created_at);
  EXPECT_FALSE(told_[0].ended.trace.first_byte_at);
}

TEST_P(RunTraceContract, TellsOfACancelAndOfADeletion) {
  begin();
  create(traced(new_run("queued")));
  cancel("queued");
  EXPECT_TRUE(comes("queued cancelled cancelled 1 0"));
  told_.clear();
  create(traced(claimed_run("open")));
  remove("open");
  EXPECT_TRUE(comes("open cancelled cancelled 2 0"));
}

TEST_P(RunTraceContract, TellsOfWhatTimeHasDecided) {
  limits_.cancel_grace = 300ms;
  limits_.start_timeout = 500ms;
  begin();
  create(traced(new_run("late")));
  EXPECT_TRUE(comes("late abandoned no_agent 1 0", 5s));
  told_.clear();
  create(traced(claimed_run("asked")));
  cancel("asked");
  EXPECT_EQ(told(), "");
  EXPECT_TRUE(comes("asked cancelled cancelled 2 0", 5s));
  told_.clear();
  NewRun lost = traced(claimed_run("lost"));
  lost.claim->lease = 2s;
  create(lost);
  EXPECT_TRUE(comes("lost abandoned agent_lost 2 0", 10s));
}

TEST_P(RunTraceContract, TellsOfAClaimThatIsOneTooMany) {
  begin();
  create(traced(claimed_run("r")));
  RunClaim last = claim_of("a");
  last.epoch_known = RunLimits::kEpochMax - 1;
  EXPECT_EQ(error_of(claim("r", last)), "run_ended");
  EXPECT_TRUE(comes("r failed too_many_claims 2 0"));
}

TEST_P(RunTraceContract, NobodyIsToldOfWhatWasWithdrawn) {
  begin();
  create(traced(new_run("r")));
  store().withdraw("r");
  EXPECT_TRUE(until([&] { return status_of("r") == "run_not_found"; }));
  settle();
  EXPECT_EQ(told(), "");
}

}  // namespace
}  // namespace gw
