// What becomes of a run that is made, claimed, written and ended, on both engines.
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

INSTANTIATE_TEST_SUITE_P(Engines, RunContract, testing::ValuesIn(kEngines), name_of);

// --- create, withdraw, remove -----------------------------------------------------------------------------

TEST_P(RunContract, MakesARunThatWaitsForAnAgent) {
  begin();
  NewRun asked = new_run("r");
  asked.channel = 1;
  asked.tenant_id = "red";
  asked.audience.tenant_id = "red";
  asked.thread_id = "c1";
  asked.format = RunFormat::json;
  asked.metadata = "{\"a\":\"\\u0000 é😀\"}";
  asked.bytes_max = 1000;
  asked.retention = 7s;
  asked.push = true;
  const auto created = create(asked);
  ASSERT_TRUE(created);
  EXPECT_FALSE(created->existed);
  EXPECT_FALSE(created->claimed);
  const auto run = find("r");
  ASSERT_TRUE(run);
  EXPECT_EQ(run->record.run_id, "r");
  EXPECT_EQ(run->record.channel, 1);
  EXPECT_EQ(run->record.audience, asked.audience);
  EXPECT_EQ(run->record.tenant_id, "red");
  EXPECT_EQ(run->record.realm, "");
  EXPECT_EQ(run->record.thread_id, "c1");
  EXPECT_EQ(run->record.format, RunFormat::json);
  EXPECT_EQ(run->record.rare->metadata, asked.metadata);
  EXPECT_EQ(run->record.bytes_max, 1000u);
  EXPECT_EQ(run->record.retention, 7s);
  EXPECT_TRUE(run->record.push);
  EXPECT_EQ(top_of(*run), (RunTop{RunStatus::queued, 0, 0, {}}));
  EXPECT_EQ(error_of(create(asked)), "run_exists");
}

TEST_P(RunContract, MakesARunThatItsMakerOwns) {
  begin();
  NewRun asked = claimed_run("r");
  asked.claim->realm = "shop";
  asked.claim->lease = 20s;
  const auto created = create(asked);
  ASSERT_TRUE(created);
  EXPECT_EQ(*created->claimed, (RunClaimed{1, 0, {}, 20s, RunStatus::in_progress, false}));
  EXPECT_EQ(append("r", 0, "text")->pos, 4u);
  const auto again = create(asked);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(*again->claimed, (RunClaimed{1, 0, {}, 20s, RunStatus::in_progress, true}));
  asked.claim->token = "another";
  EXPECT_EQ(error_of(create(asked)), "run_exists");
  asked.claim->token = "";
  EXPECT_EQ(error_of(create(asked)), "run_exists");
  EXPECT_EQ(find("r")->log.bytes(), "text");
  EXPECT_EQ(find("r")->record.realm, "shop");
}

TEST_P(RunContract, AMessageThatComesAgainHasOneRunWhileThatIsOpen) {
  begin();
  NewRun first = new_run("r1"), second = new_run("r2"), third = new_run("r3");
  first.asked_as = second.asked_as = third.asked_as = "s:client:m1";
  EXPECT_FALSE(create(first)->existed);
  const auto again = create(second);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(again->run_id, "r1");
  EXPECT_EQ(status_of("r2"), "run_not_found");
  cancel("r1");
  EXPECT_FALSE(create(second)->existed);
  store().withdraw("r2");
  EXPECT_TRUE(until([&] { return status_of("r2") == "run_not_found"; }));
  EXPECT_FALSE(create(third)->existed);
}

TEST_P(RunContract, WithdrawsWhatWasRefused) {
  begin();
  NewRun asked = new_run("r");
  asked.thread_id = "c1";
  create(asked);
  store().withdraw("r");
  store().withdraw("never-there");
  EXPECT_TRUE(until([&] { return status_of("r") == "run_not_found"; }));
  EXPECT_EQ(find_thread(user("ann"), "c1"), "run_not_found");
  EXPECT_EQ(error_of(create(asked)), "none");
}

TEST_P(RunContract, RemovesAnOpenRunAfterItsEnd) {
  begin();
  create(claimed_run("r"));
  append("r", 0, "text");
  const auto reader = read("r");
  EXPECT_EQ(error_of(remove("r")), "none");
  EXPECT_TRUE(until([&] { return reader->changes.size() == 2; }));
  EXPECT_EQ(reader->kinds(), "end removed");
  EXPECT_EQ(status_of("r"), "run_not_found");
  EXPECT_EQ(error_of(remove("r")), "run_not_found");
  EXPECT_EQ(error_of(append("r", 1, "x")), "run_not_found");
}

TEST_P(RunContract, TellsOfARunThatIsPushedAndFindsItWhileItIsOpen) {
  begin();
  std::vector<std::string> told;
  store().on_pushed(
      [&](const RunPushed& pushed) { told.push_back(pushed.run_id + " " + pushed.audience.person()); });
  const RunAudience ann{RunAudience::Kind::user, "ann b", "red"};
  RunAudience session{RunAudience::Kind::session, "ref", "red"};
  NewRun first = claimed_run("r1"), second = claimed_run("r2"), other = claimed_run("r3");
  first.audience = second.audience = ann;
  other.audience = session;
  first.push = second.push = other.push = true;
  create(claimed_run("r0"));
  for (const NewRun& run : {first, second, other}) EXPECT_TRUE(create(run)) << run.run_id;
  EXPECT_TRUE(until([&] { return told.size() == 3; }));
  EXPECT_EQ(told,
            (std::vector<std::string>{"r1 " + ann.person(), "r2 " + ann.person(), "r3 " + session.person()}));
  const auto pushed = [&](const RunAudience& audience) {
    const auto found = ask<std::vector<std::string>>(
        [&](RunDone<std::vector<std::string>> done) { store().find_pushed(audience, std::move(done)); });
    std::string ids;
    for (const std::string& id : found.value()) ids.append(ids.empty() ? "" : " ").append(id);
    return ids;
  };
  // In one millisecond they have no order.
  const std::string both = pushed(ann);
  EXPECT_TRUE(both == "r2 r1" || both == "r1 r2") << both;
  EXPECT_EQ(pushed({RunAudience::Kind::user, "ann b", ""}), "");
  // Of a session there is one, whatever tenant its maker knew it by.
  session.tenant_id = "";
  EXPECT_EQ(pushed(session), "r3");
  append("r1", 0, "text", RunEnd{});
  EXPECT_EQ(pushed(ann), "r2");
  remove("r2");
  EXPECT_EQ(pushed(ann), "");
}

// --- claim, append, heartbeat, cancel ---------------------------------------------------------------------

TEST_P(RunContract, HasOneOwner) {
  begin();
  create(new_run("r"));
  EXPECT_EQ(*claim("r", "a"), (RunClaimed{1, 0, {}, 10s, RunStatus::in_progress, false}));
  const auto held = claim("r", "b");
  EXPECT_EQ(error_of(held), "run_held");
  EXPECT_GT(held.error().retry_after, 5s);
  EXPECT_LE(held.error().retry_after, 10s);
  EXPECT_EQ(held.error().run->status, RunStatus::in_progress);
  append("r", 0, "Once upon a time");
  RunClaim cut = claim_of("b");
  cut.force = true;
  cut.keep = 4;
  EXPECT_EQ(*claim("r", cut), (RunClaimed{2, 4, RunHash::of("Once"), 10s, RunStatus::in_progress, false}));
  const auto fenced = append("r", 1, " more");
  EXPECT_EQ(error_of(fenced), "fenced");
  EXPECT_EQ(fenced.error().epoch, 2u);
  EXPECT_EQ(error_of(heartbeat("r", {"a", 1})), "fenced");
  EXPECT_EQ(append("r", append_of("b", 2, 0, " more"))->pos, 9u);
  const auto run = find("r");
  EXPECT_EQ(run->log.bytes(), "Once more");
  EXPECT_EQ(run->log.bases(), (std::vector<uint64_t>{0, 0, 4}));
}

TEST_P(RunContract, ALapsedLeaseLetsAnotherIn) {
  begin();
  create(new_run("r"));
  RunClaim owner = claim_of("a");
  owner.lease = 2s;
  owner.takeover = 20s;
  claim("r", owner);
  EXPECT_EQ(error_of(claim("r", "b")), "run_held");
  pass(2050ms);
  EXPECT_EQ(claim("r", "b")->epoch, 2u);
}

TEST_P(RunContract, HeartbeatsAndAppendsKeepALease) {
  begin();
  create(new_run("r"));
  RunClaim owner = claim_of("a");
  owner.lease = 4s;
  claim("r", owner);
  pass(2500ms);
  const auto beat = heartbeat("r", {"a", 1});
  ASSERT_TRUE(beat);
  EXPECT_EQ(*beat, (RunBeat{RunStatus::in_progress, 0, {}, false, 4s}));
  pass(2500ms);
  EXPECT_EQ(error_of(append("r", 0, "x")), "none");
  pass(2500ms);
  EXPECT_EQ(status_of("r"), "in_progress");
  EXPECT_EQ(error_of(claim("r", "b")), "run_held");
}

TEST_P(RunContract, AnOwnerWhoDiesLeavesItsRunToOthersAndThenToNobody) {
  begin();
  create(new_run("r"));
  RunClaim owner = claim_of("a");
  owner.lease = 1s;
  owner.takeover = 1s;
  claim("r", owner);
  append("r", 0, "half");
  const auto reader = read("r");
  EXPECT_TRUE(until([&] { return !reader->changes.empty(); }, 2s + 2s));
  EXPECT_EQ(reader->changes, (std::vector<RunChange>{{RunChange::Kind::end, 2, 4, ""}}));
  EXPECT_EQ(status_of("r"), "abandoned");
  EXPECT_EQ(end_code_of("r"), "agent_lost");
  EXPECT_EQ(error_of(claim("r", "b")), "run_ended");
  EXPECT_TRUE(append("r", 0, "half")->duplicate);
  EXPECT_EQ(error_of(append("r", 1, "x")), "run_ended");
  EXPECT_EQ(error_of(append("r", append_of("a", 0, 1, "x"))), "fenced");
}

TEST_P(RunContract, NobodyComes) {
  limits_.start_timeout = 300ms;
  begin();
  create(new_run("r"));
  EXPECT_TRUE(comes_to("r", "abandoned", 300ms + 2s));
  EXPECT_EQ(end_code_of("r"), "no_agent");
}

TEST_P(RunContract, StoresABatchOnce) {
  begin();
  create(claimed_run("r"));
  const RunAppended first{false, 0, 3, RunHash::of("one"), RunStatus::in_progress, false};
  EXPECT_EQ(*append("r", 0, "one"), first);
  EXPECT_EQ(append("r", 1, "two")->pos, 6u);
  RunAppended again = first;
  again.duplicate = true;
  EXPECT_EQ(*append("r", 0, "one"), again) << "pos and hash as the first time";
  EXPECT_EQ(error_of(append("r", 0, "eno")), "sequence_conflict");
  EXPECT_EQ(error_of(append("r", 1, "two", RunEnd{})), "sequence_conflict");
  const auto gap = append("r", 3, "x");
  EXPECT_EQ(error_of(gap), "sequence_gap");
  EXPECT_EQ(gap.error().expected_seq, 2u);
  EXPECT_EQ(gap.error().run->pos, 6u);
  EXPECT_EQ(find("r")->log.bytes(), "onetwo");
  EXPECT_EQ(find("r")->log.hash(), RunHash::of("onetwo"));
}

TEST_P(RunContract, TheBytesAreKeptAsTheyAre) {
  begin();
  create(claimed_run("r"));
  std::string text(1, '\0');
  text += "\n\r\t\"\\ é😀 \x7f";
  append("r", 0, text);
  const std::string large(size_t{200} << 10, 'x');
  EXPECT_EQ(append("r", 1, large)->hash, RunHash::of(text + large));
  EXPECT_EQ(find("r")->log.bytes(), text + large);
}

TEST_P(RunContract, RefusesWhatIsTooLarge) {
  begin();
  NewRun small = claimed_run("r");
  small.bytes_max = 10;
  create(small);
  EXPECT_EQ(error_of(append("r", 0, std::string(11, 'x'))), "run_too_large");
  EXPECT_EQ(error_of(append("r", 0, std::string(10, 'x'))), "none");
  EXPECT_EQ(error_of(append("r", 1, "x")), "run_too_large");
  EXPECT_EQ(append("r", 1, "", RunEnd{})->status, RunStatus::completed);
  create(claimed_run("s"));
  EXPECT_EQ(error_of(append("s", 0, std::string(RunLimits::kAppendBytes + 1, 'x'))), "run_too_large");
}

TEST_P(RunContract, TakesOnlyItsOwnFormat) {
  begin();
  create(claimed_run("r"));
  RunAppend items = append_of("a", 1, 0, "{}\n");
  items.format = RunFormat::json;
  EXPECT_EQ(error_of(append("r", items)), "invalid_argument");
  EXPECT_EQ(find("r")->log.size(), 0u);
}

TEST_P(RunContract, AnOwnerEndsItOnce) {
  begin();
  create(claimed_run("r"));
  const auto reader = read("r");
  const RunEnd failed{RunStatus::failed, RunError{"no_model", "it is \"out\" é"}, "{\"a\":[1]}"};
  EXPECT_EQ(append("r", 0, "text", failed)->status, RunStatus::failed);
  EXPECT_TRUE(append("r", 0, "text", failed)->duplicate);
  EXPECT_EQ(error_of(append("r", 1, "", RunEnd{})), "run_ended");
  EXPECT_EQ(error_of(heartbeat("r", {"a", 1})), "run_ended");
  EXPECT_EQ(*cancel("r"), RunCancelled::ended);
  const auto run = find("r");
  EXPECT_EQ(*run->record.rare->error, *failed.error);
  EXPECT_EQ(run->record.rare->result, failed.result);
  EXPECT_EQ(run->record.epoch, 1u);
  EXPECT_TRUE(until([&] { return !reader->changes.empty(); }));
  settle();
  EXPECT_EQ(reader->changes, (std::vector<RunChange>{{RunChange::Kind::end, 1, 0, "text"}}));
}

TEST_P(RunContract, ACancelIsHeardByReadersAndOwner) {
  limits_.cancel_grace = 500ms;
  begin();
  create(claimed_run("r"));
  const auto reader = read("r");
  EXPECT_EQ(*cancel("r"), RunCancelled::asked);
  EXPECT_EQ(*cancel("r"), RunCancelled::already);
  EXPECT_TRUE(until([&] { return !reader->changes.empty(); }));
  EXPECT_EQ(reader->kinds(), "cancel");
  EXPECT_TRUE(heartbeat("r", {"a", 1})->cancel_requested);
  EXPECT_TRUE(comes_to("r", "cancelled", 500ms + 2s));
  EXPECT_EQ(*find("r")->record.rare->error, (RunError{"cancelled", "enough"}));
  EXPECT_EQ(*cancel("r"), RunCancelled::ended);
  EXPECT_EQ(error_of(append("r", 0, "x")), "run_ended");
  settle();
  EXPECT_EQ(reader->kinds(), "cancel end");
}

TEST_P(RunContract, ACancelOfWhatNobodyOwnsIsAtOnce) {
  begin();
  create(new_run("queued"));
  EXPECT_EQ(*cancel("queued"), RunCancelled::asked);
  EXPECT_EQ(status_of("queued"), "cancelled");
  NewRun lost = claimed_run("lost");
  lost.claim->lease = 300ms;
  lost.claim->takeover = 20s;
  create(lost);
  pass(350ms);
  EXPECT_EQ(*cancel("lost"), RunCancelled::asked);
  EXPECT_EQ(status_of("lost"), "cancelled");
}

}  // namespace
}  // namespace gw
