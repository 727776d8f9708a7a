// How many runs, bytes and calls a store takes, on both engines.
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

class RunBoundsContract : public RunContract {};

INSTANTIATE_TEST_SUITE_P(Engines, RunBoundsContract, testing::ValuesIn(kUndividedEngines), name_of);

TEST_P(RunBoundsContract, OpenRunsHaveBounds) {
  limits_.open_runs = 5;
  limits_.open_runs_per_user = 2;
  limits_.open_runs_per_realm = 1;
  begin();
  create(new_run("a1", "ann"));
  create(new_run("a2", "ann"));
  EXPECT_EQ(error_of(create(new_run("a3", "ann"))), "too_many_runs");
  cancel("a1");
  EXPECT_EQ(error_of(create(new_run("a3", "ann"))), "none");
  NewRun shop = claimed_run("b1", "bob");
  shop.claim->realm = "shop";
  EXPECT_EQ(error_of(create(shop)), "none");
  shop.run_id = "b2";
  EXPECT_EQ(error_of(create(shop)), "resource_exhausted");
  RunClaim by_shop = claim_of("a");
  by_shop.realm = "shop";
  EXPECT_EQ(error_of(claim("a2", by_shop)), "resource_exhausted") << "it would count for the realm";
  append("b1", 0, "", RunEnd{});
  EXPECT_EQ(error_of(claim("a2", by_shop)), "none");
  for (const char* id : {"c1", "c2", "c3"}) EXPECT_EQ(error_of(create(new_run(id, id))), "none");
  EXPECT_EQ(error_of(create(new_run("c4", "c4"))), "resource_exhausted");
  RunClaim by_bank = claim_of("a");
  by_bank.realm = "bank";
  EXPECT_EQ(error_of(claim("c1", by_bank)), "none") << "what waits is not one more";
}

TEST_P(RunBoundsContract, WhatRunsMayStillWriteIsNobodysBytes) {
  limits_.open_runs_per_realm = 100;
  limits_.realm_bytes = 100'000;
  begin();
  for (int i = 0; i < 100; ++i) {
    NewRun run = claimed_run("r" + std::to_string(i), "u" + std::to_string(i));
    run.claim->realm = "shop";
    ASSERT_EQ(error_of(create(run)), "none") << i;
    ASSERT_EQ(error_of(append(run.run_id, 0, std::string(100, 'x'))), "none") << i;
  }
}

TEST_P(RunBoundsContract, ClientsWithoutASessionLeaveRoomForOthers) {
  limits_.open_runs_per_user = 2;
  limits_.open_runs_per_realm = 3;
  begin();
  for (const char* id : {"r1", "r2"}) EXPECT_EQ(error_of(create(strangers_run(id, "c1"))), "none");
  EXPECT_EQ(error_of(create(strangers_run("r3", "c1"))), "too_many_runs") << "its connection's own bound";
  EXPECT_EQ(error_of(create(strangers_run("r3", "c2"))), "none");
  EXPECT_EQ(error_of(create(strangers_run("r4", "c3"))), "resource_exhausted") << "they share the rest";
  EXPECT_EQ(error_of(create(new_run("mine"))), "none") << "and a user has what is his";
  EXPECT_EQ(find("r1")->record.rare->asked_by, "c1");
  cancel("r3");
  EXPECT_EQ(error_of(create(strangers_run("r4", "c3"))), "none");
  store().withdraw("r4");
  EXPECT_TRUE(until([&] { return status_of("r4") == "run_not_found"; }));
  EXPECT_EQ(error_of(create(strangers_run("r5", "c4"))), "none");
}

TEST_P(RunBoundsContract, TheBytesOfClientsWithoutASessionHaveABound) {
  limits_.user_bytes = 600;
  limits_.realm_bytes = 1000;
  begin();
  for (const char* id : {"r1", "r2", "r3"}) {
    create(strangers_run(id, id));
    EXPECT_EQ(claim(id, "a")->epoch, 1u);
  }
  EXPECT_EQ(error_of(append("r1", 0, std::string(601, 'x'))), "too_many_runs");
  EXPECT_EQ(error_of(append("r1", 0, std::string(500, 'x'))), "none");
  EXPECT_EQ(error_of(append("r2", 0, std::string(600, 'x'))), "resource_exhausted");
  EXPECT_EQ(error_of(append("r1", 1, "", RunEnd{})), "none");
  EXPECT_EQ(error_of(append("r2", 0, std::string(600, 'x'))), "none");
  EXPECT_TRUE(find("r1")->log.is_expired());
}

TEST_P(RunBoundsContract, WhatWasAskedBeforeIsKnownWhateverBoundIsReached) {
  limits_.made_burst = 1;
  limits_.made_per_second = 0.001;
  limits_.open_runs_per_user = 1;
  begin();
  NewRun first = new_run("r1"), again = new_run("r2"), other = new_run("r3");
  first.asked_as = again.asked_as = "s:client:m1";
  other.asked_as = "s:client:m2";
  EXPECT_FALSE(create(first)->existed);
  for (int i = 0; i < 3; ++i) {
    const auto repeated = create(again);
    ASSERT_EQ(error_of(repeated), "none");
    EXPECT_TRUE(repeated->existed);
    EXPECT_EQ(repeated->run_id, "r1");
  }
  EXPECT_EQ(error_of(create(other)), "too_many_runs");
  EXPECT_EQ(store().stats().refusals_total, 1u);
}

TEST_P(RunBoundsContract, AUserMakesSoManyRunsASecond) {
  limits_.made_burst = 3;
  limits_.made_per_second = 1;
  limits_.open_runs_per_user = 100;
  begin();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(error_of(create(new_run("r" + std::to_string(i)))), "none");
  const auto refused = create(new_run("r3"));
  EXPECT_EQ(error_of(refused), "too_many_runs");
  EXPECT_GT(refused.error().retry_after, 0ms);
  EXPECT_EQ(error_of(create(new_run("other", "bob"))), "none");
  EXPECT_EQ(error_of(create(claimed_run("agents"))), "none") << "what a realm makes is not the user's doing";
  pass(1100ms);
  EXPECT_EQ(error_of(create(new_run("r3"))), "none");
}

TEST_P(RunBoundsContract, AUsersOldestRunsThatAreOverGoFirst) {
  limits_.kept_runs_per_user = 3;
  begin();
  for (const char* id : {"r1", "r2", "r3"}) {
    create(new_run(id));
    pass(5ms);
  }
  EXPECT_EQ(error_of(create(new_run("r4"))), "too_many_runs");
  cancel("r2");
  pass(5ms);
  cancel("r1");
  EXPECT_EQ(error_of(create(new_run("r4"))), "none");
  EXPECT_EQ(status_of("r2"), "run_not_found");
  EXPECT_EQ(status_of("r1"), "cancelled");
}

TEST_P(RunBoundsContract, ARealmsOldestRunsThatAreOverGoFirst) {
  limits_.open_runs_per_realm = 2;  // and four are kept
  begin();
  for (const char* id : {"r1", "r2", "r3", "r4"}) {
    EXPECT_EQ(error_of(create(realms_run(id, "shop"))), "none");
    append(id, 0, "x", RunEnd{});
    pass(5ms);
  }
  EXPECT_EQ(error_of(create(realms_run("r5", "shop"))), "none");
  EXPECT_TRUE(until([&] { return status_of("r1") == "run_not_found"; }));
  create(new_run("clients"));
  EXPECT_EQ(error_of(claim("clients", claim_by("shop"))), "none");
  EXPECT_TRUE(until([&] { return status_of("r2") == "run_not_found"; }));
  EXPECT_EQ(status_of("r3"), "completed");
  EXPECT_EQ(error_of(create(realms_run("others", "bank"))), "none");
  EXPECT_EQ(status_of("r3"), "completed");
}

TEST_P(RunBoundsContract, AFullRealmIsToldOfItWhereItMatters) {
  limits_.open_runs_per_realm = 1;
  begin();
  create(realms_run("shops", "shop"));
  create(new_run("clients"));
  create(new_run("over"));
  cancel("over");
  create(new_run("banks"));
  claim("banks", claim_by("bank"));
  const auto refused = claim("clients", claim_by("shop"));
  EXPECT_EQ(error_of(refused), "resource_exhausted");
  EXPECT_EQ(refused.error().run, (RunTop{RunStatus::queued, 0, 0, {}}));
  EXPECT_EQ(error_of(claim("nobodys", claim_by("shop"))), "run_not_found");
  RunReach elsewhere;
  elsewhere.tenant_id = "blue";
  EXPECT_EQ(error_of(claim("clients", claim_by("shop"), elsewhere)), "run_not_found");
  EXPECT_EQ(error_of(claim("over", claim_by("shop"))), "run_ended");
  EXPECT_EQ(error_of(claim("shops", claim_by("shop"))), "none");
  EXPECT_EQ(error_of(claim("banks", claim_by("shop"))), "none") << "it counts for the bank";
}

TEST_P(RunBoundsContract, ClaimsThatAreRefusedOrRepeatedCountForNothing) {
  limits_.open_runs_per_realm = 2;
  begin();
  create(new_run("mine"));
  create(new_run("banks"));
  RunClaim by_bank = claim_of("b");
  by_bank.realm = "bank";
  claim("banks", by_bank);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(claim("mine", claim_by("shop", "t"))->repeated, i > 0);
    EXPECT_EQ(error_of(claim("banks", claim_by("shop"))), "run_held");
    EXPECT_EQ(error_of(claim("nobodys", claim_by("shop"))), "run_not_found");
  }
  EXPECT_EQ(store().stats().claims_total, 2u);
  EXPECT_EQ(error_of(create(realms_run("r1", "shop"))), "none");
  EXPECT_EQ(error_of(create(realms_run("r2", "shop"))), "resource_exhausted");
  append("mine", 0, "", RunEnd{});
  EXPECT_EQ(error_of(claim("mine", claim_by("shop", "t2"))), "run_ended");
  EXPECT_EQ(error_of(create(realms_run("r2", "shop"))), "none") << "what is over does not count again";
}

TEST_P(RunBoundsContract, ARefusedAppendTakesNobodysRoom) {
  limits_.user_bytes = 1000;
  begin();
  for (const char* id : {"r1", "r2"}) create(claimed_run(id));
  const std::string large(900, 'x');
  EXPECT_EQ(error_of(append("r1", append_of("stranger", 1, 0, large))), "fenced");
  EXPECT_EQ(error_of(append("r1", append_of("a", 7, 0, large))), "fenced");
  RunReach elsewhere;
  elsewhere.tenant_id = "blue";
  EXPECT_EQ(error_of(append("r1", append_of("a", 1, 0, large), elsewhere)), "run_not_found");
  EXPECT_EQ(error_of(append("r2", 0, large)), "none");
}

TEST_P(RunBoundsContract, OldLogsMakeRoomAndTheirRecordsStay) {
  limits_.user_bytes = 1000;
  begin();
  for (const char* id : {"r1", "r2", "r3"}) create(claimed_run(id));
  append("r1", 0, std::string(400, 'x'), RunEnd{});
  pass(5ms);
  append("r2", 0, std::string(400, 'x'), RunEnd{});
  EXPECT_EQ(error_of(append("r3", 0, std::string(500, 'x'))), "none");
  const auto expired = find("r1");
  ASSERT_TRUE(expired);
  EXPECT_TRUE(expired->log.is_expired());
  EXPECT_EQ(top_of(*expired), (RunTop{RunStatus::completed, 1, 400, RunHash::of(std::string(400, 'x'))}));
  EXPECT_FALSE(find("r2")->log.is_expired());
  EXPECT_EQ(error_of(append("r3", 1, std::string(501, 'x'))), "too_many_runs");
  EXPECT_TRUE(find("r2")->log.is_expired());
  EXPECT_EQ(append("r3", 0, std::string(500, 'x'))->duplicate, true) << "what is stored is known";
  EXPECT_EQ(error_of(append("r3", 1, std::string(500, 'x'))), "none");
  EXPECT_EQ(error_of(create(new_run("r4"))), "too_many_runs") << "no byte of its answer has room";
  EXPECT_EQ(error_of(create(new_run("r4", "bob"))), "none");
}

TEST_P(RunBoundsContract, ARealmsBytesHaveABound) {
  limits_.realm_bytes = 1000;
  begin();
  for (const char* id : {"r1", "r2"}) {
    NewRun run = claimed_run(id, id);
    run.claim->realm = "shop";
    create(run);
  }
  append("r1", 0, std::string(600, 'x'));
  EXPECT_EQ(error_of(append("r2", 0, std::string(600, 'x'))), "resource_exhausted");
  RunClaim cut = claim_of("a");
  cut.keep = 100;
  claim("r1", cut);
  EXPECT_EQ(error_of(append("r2", 0, std::string(600, 'x'))), "none") << "what a claim cuts is free";
}

TEST_P(RunBoundsContract, ARunTakesSoManyAppendsASecond) {
  limits_.appends_burst = 3;
  limits_.appends_per_second = 1;
  begin();
  create(claimed_run("r"));
  for (uint64_t seq = 0; seq < 3; ++seq) EXPECT_EQ(error_of(append("r", seq, "x")), "none");
  const auto refused = append("r", 3, "x");
  EXPECT_EQ(error_of(refused), "rate_limited");
  EXPECT_GT(refused.error().retry_after, 0ms);
  EXPECT_TRUE(append("r", 2, "x")->duplicate) << "a repeated one costs nothing";
  pass(1100ms);
  EXPECT_EQ(error_of(append("r", 3, "x")), "none");
}

TEST_P(RunBoundsContract, ARunThatIsOverIsForgottenAfterAWhile) {
  begin();
  NewRun asked = new_run("r");
  asked.retention = 500ms;
  asked.thread_id = "c1";
  create(asked);
  const auto reader = read("r");
  cancel("r");
  EXPECT_EQ(status_of("r"), "cancelled");
  EXPECT_TRUE(comes_to("r", "run_not_found", 500ms + 2s));
  EXPECT_EQ(find_thread(user("ann"), "c1"), "run_not_found");
  EXPECT_EQ(ids_of({}), "");
  EXPECT_TRUE(until([&] { return reader->kinds() == "end removed"; }));
}

TEST_P(RunBoundsContract, AListLooksAtSoManyRunsAndSaysWhereToGoOn) {
  limits_.list_looks = 10;
  limits_.open_runs_per_user = 100;
  limits_.made_burst = 100;
  begin();
  for (int i = 0; i < 25; ++i) {
    NewRun run = new_run("r" + std::to_string(i));
    run.channel = i == 3 ? 1 : 0;
    create(run);
  }
  RunFilter filter;
  filter.channel = 1;
  const auto first = list(filter);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->runs.empty());
  EXPECT_TRUE(parse_run_list_place(first->after)) << "not the name of a run that it may not know";
  filter.after = first->after;
  filter.after = list(filter)->after;
  const auto third = list(filter);
  ASSERT_EQ(third->runs.size(), 1u);
  EXPECT_EQ(third->runs[0].run_id, "r3");
  EXPECT_EQ(third->after, "");
  RunFilter all;
  all.limit = 4;
  std::string ids;
  for (int i = 0; i < 20; ++i) {
    const auto page = list(all);
    ASSERT_TRUE(page);
    for (const RunRecord& run : page->runs) ids += run.run_id.str() + " ";
    if ((all.after = page->after).empty()) break;
  }
  std::string expected;
  for (int i = 24; i >= 0; --i) expected += "r" + std::to_string(i) + " ";
  EXPECT_EQ(ids, expected);
}

TEST_P(RunBoundsContract, CountsWhatItDoes) {
  begin();
  create(claimed_run("r"));
  const auto reader = read("r");
  append("r", 0, "four");
  append("r", 0, "four");
  append("r", 5, "gap");
  EXPECT_EQ(store().stats().open, 1u);
  EXPECT_EQ(store().stats().readers, 1u);
  EXPECT_EQ(store().stats().bytes, 4u);
  append("r", 1, "", RunEnd{});
  const RunStats stats = store().stats();
  EXPECT_TRUE(until([&] { return store().stats().open == 0; }));
  EXPECT_EQ(stats.claims_total, 1u);
  EXPECT_EQ(stats.appends_total, 2u);
  EXPECT_EQ(stats.appended_bytes_total, 4u);
  EXPECT_EQ(stats.duplicates_total, 1u);
  EXPECT_EQ(stats.refusals_total, 1u);
  EXPECT_EQ(stats.ended_total[static_cast<size_t>(RunStatus::completed)], 1u);
}

}  // namespace
}  // namespace gw
