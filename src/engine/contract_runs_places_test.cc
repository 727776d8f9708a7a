// Where a run stands: among those of its thread, in its epochs, and what of its log is asked for.
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

class RunPlacesContract : public RunContract {};

INSTANTIATE_TEST_SUITE_P(Engines, RunPlacesContract, testing::ValuesIn(kEngines), name_of);

TEST_P(RunPlacesContract, AnEarlierRunOfAThreadIsFoundWhenTheLatestGoes) {
  begin();
  const auto make = [&](const std::string& id) {
    NewRun run = new_run(id);
    run.thread_id = "c1";
    EXPECT_EQ(error_of(create(run)), "none");
  };
  const auto found = [&] { return find_thread(user("ann"), "c1"); };
  make("r1");
  make("r2");
  make("r3");
  store().withdraw("r3");
  EXPECT_TRUE(until([&] { return found() == "r2"; }));
  remove("r2");
  EXPECT_EQ(found(), "r1");
  make("r4");
  store().withdraw("r1");
  EXPECT_TRUE(until([&] { return status_of("r1") == "run_not_found"; }));
  EXPECT_EQ(found(), "r4") << "an older one takes no name with it";
  cancel("r4");
  EXPECT_EQ(found(), "r4");
  remove("r4");
  EXPECT_EQ(found(), "run_not_found");
}

TEST_P(RunPlacesContract, AThreadIsFoundAsLongAsOneOfItsRunsIsKept) {
  begin();
  NewRun longer = new_run("longer"), shorter = new_run("shorter");
  longer.thread_id = shorter.thread_id = "c1";
  longer.retention = 100s;
  shorter.retention = 300ms;
  create(longer);
  create(shorter);
  cancel("longer");
  cancel("shorter");
  EXPECT_EQ(find_thread(user("ann"), "c1"), "shorter");
  EXPECT_TRUE(until([&] { return find_thread(user("ann"), "c1") == "longer"; }));
}

TEST_P(RunPlacesContract, AClaimerMayHaveHeardOfAnEpochThatTheEngineHasLost) {
  begin();
  create(new_run("r"));
  RunClaim asked = claim_of("a");
  asked.epoch = 5;
  EXPECT_EQ(claim("r", asked)->epoch, 6u);
  EXPECT_EQ(error_of(claim("r", asked)), "run_moved") << "that is an old one now";
  asked.epoch = 6;
  EXPECT_EQ(claim("r", asked)->epoch, 7u);
  asked.epoch.reset();
  asked.epoch_known = 9;
  EXPECT_EQ(claim("r", asked)->epoch, 10u);
  EXPECT_EQ(find("r")->log.bases().size(), 11u);
}

TEST_P(RunPlacesContract, ARecordComesWithoutItsLog) {
  begin();
  create(claimed_run("r"));
  append("r", 0, "Once upon a time");
  const auto top = ask<RunTop>([&](RunDone<RunTop> done) {
    store().find_record("r", {}, [done](const RunResult<const gw::Run*>& run) {
      if (run) return done(top_of(**run));
      done(run.error());
    });
  });
  EXPECT_EQ(*top, (RunTop{RunStatus::in_progress, 1, 16, RunHash::of("Once upon a time")}));
}

TEST_P(RunPlacesContract, TheTailOfALogIsWhatStandsBehindACursor) {
  using Kind = RunResume::Kind;
  begin();
  create(claimed_run("r"));
  append("r", 0, "Once \u00e9 upon");
  const auto at = [&](uint32_t epoch, uint64_t pos, const std::string& had) {
    return find_tail("r", RunCursor{epoch, pos, RunHash::of(had)});
  };
  const auto fits = at(1, 5, "Once ");
  ASSERT_TRUE(fits);
  EXPECT_EQ(fits->resume.kind, Kind::fits);
  EXPECT_EQ(fits->bytes, "\u00e9 upon");
  EXPECT_EQ(fits->top, (RunTop{RunStatus::in_progress, 1, 12, RunHash::of("Once \u00e9 upon")}));
  EXPECT_EQ(fits->record.producer, "a");
  EXPECT_EQ(at(1, 12, "Once \u00e9 upon")->bytes, "");
  EXPECT_EQ(at(1, 12, "Once \u00e9 upon")->resume.kind, Kind::fits);
  EXPECT_EQ(at(1, 0, "")->bytes, "Once \u00e9 upon");
  EXPECT_EQ(at(1, 5, "Twice")->resume.kind, Kind::diverged);
  EXPECT_EQ(at(1, 6, "Once \xc3")->resume.kind, Kind::diverged) << "inside a character";
  EXPECT_EQ(at(1, 13, "x")->resume.kind, Kind::ahead);
  EXPECT_EQ(at(2, 0, "")->resume.kind, Kind::ahead);
  const auto end = find_tail("r", std::nullopt);
  EXPECT_EQ(end->bytes, "");
  EXPECT_EQ(end->resume.pos, 12u);
  RunClaim cut = claim_of("a");
  cut.keep = 4;
  claim("r", cut);
  EXPECT_EQ(at(1, 5, "Once ")->resume.kind, Kind::reset);
  EXPECT_EQ(at(1, 5, "Once ")->resume.pos, 4u);
  EXPECT_EQ(at(1, 2, "On")->resume.kind, Kind::reset);
  EXPECT_EQ(at(1, 2, "On")->bytes, "ce") << "nothing of it is lost";
  RunReach elsewhere;
  elsewhere.tenant_id = "blue";
  EXPECT_EQ(error_of(find_tail("r", std::nullopt, elsewhere)), "run_not_found");
  EXPECT_EQ(error_of(find_tail("nobodys", std::nullopt)), "run_not_found");
}

}  // namespace
}  // namespace gw
