// What a run store promises, on both engines.
#include <random>

#include "core/run/run_machine.h"
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

enum class RunEngine { memory };

std::string name_of_engine(const testing::TestParamInfo<RunEngine>&) { return "Memory"; }

class RunContract : public RunStoreTest, public testing::WithParamInterface<RunEngine> {
 protected:
  static constexpr unsigned kHistories = 300;
  // Of a group's delivery, as the engines are made with.
  static Duration ack_wait() { return 30s; }
  void begin() { under_test_ = std::make_unique<MemoryRunStoreUnderTest>(channels_, limits_); }
};

INSTANTIATE_TEST_SUITE_P(Engines, RunContract, testing::Values(RunEngine::memory), name_of_engine);

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
  EXPECT_EQ(run->record.metadata, asked.metadata);
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
  owner.lease = 400ms;
  owner.takeover = 20s;
  claim("r", owner);
  EXPECT_EQ(error_of(claim("r", "b")), "run_held");
  pass(450ms);
  EXPECT_EQ(claim("r", "b")->epoch, 2u);
}

TEST_P(RunContract, HeartbeatsAndAppendsKeepALease) {
  begin();
  create(new_run("r"));
  RunClaim owner = claim_of("a");
  owner.lease = 1s;
  claim("r", owner);
  pass(600ms);
  const auto beat = heartbeat("r", {"a", 1});
  ASSERT_TRUE(beat);
  EXPECT_EQ(*beat, (RunBeat{RunStatus::in_progress, 0, {}, false, 1s}));
  pass(600ms);
  EXPECT_EQ(error_of(append("r", 0, "x")), "none");
  pass(600ms);
  EXPECT_EQ(status_of("r"), "in_progress");
  EXPECT_EQ(error_of(claim("r", "b")), "run_held");
}

TEST_P(RunContract, AnOwnerWhoDiesLeavesItsRunToOthersAndThenToNobody) {
  begin();
  create(new_run("r"));
  RunClaim owner = claim_of("a");
  owner.lease = 300ms;
  owner.takeover = 300ms;
  claim("r", owner);
  append("r", 0, "half");
  const auto reader = read("r");
  EXPECT_TRUE(until([&] { return !reader->changes.empty(); }, 600ms + 2s));
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
  EXPECT_EQ(*run->record.error, *failed.error);
  EXPECT_EQ(run->record.result, failed.result);
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
  EXPECT_EQ(*find("r")->record.error, (RunError{"cancelled", "enough"}));
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

// --- Who reaches what -------------------------------------------------------------------------------------

TEST_P(RunContract, WhatIsOutOfReachDoesNotExist) {
  begin();
  NewRun asked = claimed_run("r");
  asked.channel = 1;
  asked.tenant_id = "red";
  asked.claim->realm = "shop";
  create(asked);
  RunReach channel, tenant, realm, all;
  channel.channels = ChannelSet();
  channel.channels.add(0);
  tenant.tenant_id = "blue";
  realm.realm = "bank";
  for (const RunReach& reach : {channel, tenant, realm}) {
    EXPECT_EQ(error_of(claim("r", claim_of("a"), reach)), "run_not_found");
    EXPECT_EQ(error_of(append("r", append_of("a", 1, 0, "x"), reach)), "run_not_found");
    EXPECT_EQ(error_of(heartbeat("r", {"a", 1}, reach)), "run_not_found");
    EXPECT_EQ(error_of(cancel("r", reach)), "run_not_found");
    EXPECT_EQ(error_of(remove("r", reach)), "run_not_found");
    EXPECT_EQ(error_of(find("r", reach)), "run_not_found");
    RunFilter filter;
    filter.reach = reach;
    EXPECT_EQ(ids_of(filter), "");
  }
  all.tenant_id = "red";
  all.realm = "shop";
  EXPECT_EQ(error_of(find("r", all)), "none");
  EXPECT_EQ(find("r")->log.size(), 0u);
}

TEST_P(RunContract, AClientsRunIsOpenToEveryRealm) {
  begin();
  create(new_run("r"));
  RunReach bank;
  bank.realm = "bank";
  RunClaim by_shop = claim_of("a");
  by_shop.realm = "shop";
  claim("r", by_shop);
  EXPECT_EQ(find("r")->record.realm, "shop") << "it counts for the realm that claims it";
  EXPECT_EQ(error_of(find("r", bank)), "none");
}

// --- Lists ------------------------------------------------------------------------------------------------

TEST_P(RunContract, ListsTheNewestFirst) {
  begin();
  for (const char* id : {"r1", "r2", "r3", "r4"}) {
    NewRun run = new_run(id);
    if (std::string(id) == "r2") run.channel = 1;
    if (std::string(id) != "r4") run.thread_id = "c1";
    create(run);
    pass(5ms);
  }
  claim("r3", "a");
  EXPECT_EQ(ids_of({}), "r4 r3 r2 r1");
  RunFilter some;
  some.limit = 2;
  EXPECT_EQ(ids_of(some), "r4 r3");
  some.after = "r3";
  EXPECT_EQ(ids_of(some), "r2 r1");
  some.after = "r1";
  EXPECT_EQ(ids_of(some), "");
  RunFilter channel, thread, status;
  channel.channel = 1;
  EXPECT_EQ(ids_of(channel), "r2");
  thread.thread_id = "c1";
  EXPECT_EQ(ids_of(thread), "r3 r2 r1");
  status.status = RunStatus::in_progress;
  EXPECT_EQ(ids_of(status), "r3");
  status.status = RunStatus::failed;
  EXPECT_EQ(ids_of(status), "");
}

TEST_P(RunContract, FindsTheLatestRunOfAThread) {
  begin();
  const auto make = [&](const std::string& id, const RunAudience& audience, const std::string& thread,
                        ChannelIndex channel = 0) {
    NewRun run = new_run(id);
    run.audience = audience;
    run.thread_id = thread;
    run.channel = channel;
    EXPECT_EQ(error_of(create(run)), "none");
  };
  const RunAudience nobody, channel{RunAudience::Kind::channel, "", ""};
  make("r1", user("ann"), "c1");
  make("r2", user("ann"), "c1", 1);
  make("r3", user("bob"), "c1");
  make("r4", user("ann", "red"), "c1");
  make("r5", nobody, "short");
  make("r6", nobody, "as-long-as-a-secret");
  make("r7", channel, "c1", 0);
  make("r8", channel, "c1", 1);
  EXPECT_EQ(find_thread(user("ann"), "c1"), "r2");
  EXPECT_EQ(find_thread(user("bob"), "c1"), "r3");
  EXPECT_EQ(find_thread(user("ann", "red"), "c1"), "r4");
  EXPECT_EQ(find_thread(user("ann"), "c2"), "run_not_found");
  EXPECT_EQ(find_thread(nobody, "short"), "run_not_found");
  EXPECT_EQ(find_thread(nobody, "as-long-as-a-secret"), "r6");
  EXPECT_EQ(find_thread(user("ann"), "as-long-as-a-secret"), "run_not_found");
  EXPECT_EQ(find_thread(channel, "c1", 0), "r7");
  EXPECT_EQ(find_thread(channel, "c1", 1), "r8");
  cancel("r2");
  EXPECT_EQ(find_thread(user("ann"), "c1"), "r2") << "one that is over is found too";
}

// --- Readers ----------------------------------------------------------------------------------------------

TEST_P(RunContract, AReaderHearsEveryChangeAfterWhatItWasGiven) {
  begin();
  create(new_run("r"));
  claim("r", "a");
  append("r", 0, "Once ");
  const auto reader = read("r");
  EXPECT_EQ(reader->text, "Once ");
  append("r", 1, "upon ");
  append("r", 1, "upon ");
  append("r", 2, "a time");
  RunClaim cut = claim_of("a");
  cut.keep = 5;
  claim("r", cut);
  append("r", append_of("a", 2, 0, "more", RunEnd{}));
  EXPECT_TRUE(until([&] { return reader->changes.size() >= 4; }));
  settle();
  EXPECT_EQ(reader->changes, (std::vector<RunChange>{{RunChange::Kind::append, 1, 5, "upon "},
                                                     {RunChange::Kind::append, 1, 10, "a time"},
                                                     {RunChange::Kind::epoch, 2, 5, ""},
                                                     {RunChange::Kind::end, 2, 5, "more"}}));
  EXPECT_EQ(reader->text, "Once more");
  ASSERT_NE(reader->reading.run(), nullptr);
  EXPECT_EQ(reader->reading.run()->log.bytes(), "Once more");
}

TEST_P(RunContract, NobodyReadsWhatIsNotThere) {
  begin();
  const auto reader = std::make_shared<TestRunReader>();
  const auto found = ask<bool>([&](RunDone<bool> done) {
    reader->reading = store().read("nobody's", reader, [done](RunResult<const gw::Run*> run) {
      if (run) return done(true);
      done(run.error());
    });
  });
  EXPECT_EQ(error_of(found), "run_not_found");
  EXPECT_EQ(reader->reading.run(), nullptr);
}

TEST_P(RunContract, AReaderWhoHasGoneHearsNothing) {
  begin();
  create(claimed_run("r"));
  const auto gone = read("r"), stays = read("r");
  gone->reading.reset();
  auto dead = read("r");
  dead->on_change = [](const gw::Run&, const RunChange&) { ADD_FAILURE() << "it is dead"; };
  RunReading handle = std::move(dead->reading);
  dead.reset();
  append("r", 0, "x");
  EXPECT_TRUE(until([&] { return !stays->changes.empty(); }));
  EXPECT_TRUE(gone->changes.empty());
  handle.reset();
}

TEST_P(RunContract, AReaderMayGoWhileItIsTold) {
  begin();
  create(claimed_run("r"));
  const auto first = read("r"), second = read("r"), third = read("r");
  first->on_change = [&](const gw::Run&, const RunChange&) {
    first->reading.reset();
    third->reading.reset();
  };
  append("r", 0, "x");
  append("r", 1, "y");
  EXPECT_TRUE(until([&] { return second->text == "xy"; }));
  EXPECT_EQ(first->text, "x");
  EXPECT_EQ(third->text, "");
}

TEST_P(RunContract, AReaderMayCallTheStoreWhileItIsTold) {
  begin();
  create(claimed_run("r"));
  const auto first = read("r"), second = read("r");
  std::shared_ptr<TestRunReader> late = std::make_shared<TestRunReader>();
  int answers = 0;
  first->on_change = [&](const gw::Run&, const RunChange& change) {
    if (change.from != 0 || change.kind != RunChange::Kind::append) return;
    store().append("r", {}, append_of("a", 1, 1, "y", RunEnd{}), [&](RunResult<RunAppended> appended) {
      EXPECT_TRUE(appended);
      ++answers;
    });
    late->reading = store().read("r", late, [&](RunResult<const gw::Run*> run) {
      late->text = (*run)->log.bytes();
      ++answers;
    });
    store().remove("r", {}, [&](RunResult<void> removed) {
      EXPECT_TRUE(removed);
      ++answers;
    });
  };
  append("r", 0, "x");
  EXPECT_TRUE(until([&] { return answers == 3 && second->kinds() == "append end removed"; }));
  EXPECT_EQ(first->kinds(), "append end removed");
  EXPECT_EQ(second->text, "xy");
  EXPECT_TRUE(until([&] { return !late->changes.empty(); }));
  EXPECT_EQ(late->changes.back().kind, RunChange::Kind::removed);
  EXPECT_EQ(late->reading.run(), nullptr);
}

// --- Bounds -----------------------------------------------------------------------------------------------

TEST_P(RunContract, OpenRunsHaveBounds) {
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
}

TEST_P(RunContract, AUserMakesSoManyRunsASecond) {
  limits_.made_burst = 3;
  limits_.made_per_second = 2;
  limits_.open_runs_per_user = 100;
  begin();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(error_of(create(new_run("r" + std::to_string(i)))), "none");
  const auto refused = create(new_run("r3"));
  EXPECT_EQ(error_of(refused), "too_many_runs");
  EXPECT_GT(refused.error().retry_after, 0ms);
  EXPECT_EQ(error_of(create(new_run("other", "bob"))), "none");
  EXPECT_EQ(error_of(create(claimed_run("agents"))), "none") << "what a realm makes is not the user's doing";
  pass(600ms);
  EXPECT_EQ(error_of(create(new_run("r3"))), "none");
}

TEST_P(RunContract, AUsersOldestRunsThatAreOverGoFirst) {
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

TEST_P(RunContract, OldLogsMakeRoomAndTheirRecordsStay) {
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

TEST_P(RunContract, ARealmsBytesHaveABound) {
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

TEST_P(RunContract, ARunTakesSoManyAppendsASecond) {
  limits_.appends_burst = 3;
  limits_.appends_per_second = 2;
  begin();
  create(claimed_run("r"));
  for (uint64_t seq = 0; seq < 3; ++seq) EXPECT_EQ(error_of(append("r", seq, "x")), "none");
  const auto refused = append("r", 3, "x");
  EXPECT_EQ(error_of(refused), "rate_limited");
  EXPECT_GT(refused.error().retry_after, 0ms);
  EXPECT_TRUE(append("r", 2, "x")->duplicate) << "a repeated one costs nothing";
  pass(600ms);
  EXPECT_EQ(error_of(append("r", 3, "x")), "none");
}

TEST_P(RunContract, ARunThatIsOverIsForgottenAfterAWhile) {
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

TEST_P(RunContract, CountsWhatItDoes) {
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
  EXPECT_EQ(stats.open, 0u);
  EXPECT_EQ(stats.claims_total, 1u);
  EXPECT_EQ(stats.appends_total, 2u);
  EXPECT_EQ(stats.appended_bytes_total, 4u);
  EXPECT_EQ(stats.duplicates_total, 1u);
  EXPECT_EQ(stats.refusals_total, 1u);
  EXPECT_EQ(stats.ended_total[static_cast<size_t>(RunStatus::completed)], 1u);
}

// --- As the machine says ----------------------------------------------------------------------------------

// Random calls of one run, each answered as core/run/run_machine.h answers them.
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
    if (chance(4)) claim.epoch = run.record.epoch + below(2);
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
    append.producer = chance(10) ? names_[below(2)] : run.record.producer;
    append.epoch = chance(10) ? below(5) : run.record.claim_epoch;
    append.seq = run.record.seqs.empty() ? 0 : run.record.seqs.back().seq + 1;
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
    EXPECT_EQ(answer.error().run, expected.error().run);
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
  EXPECT_EQ(record.token, model.token);
  EXPECT_EQ(record.group, model.group);
  EXPECT_EQ(record.lease, model.lease);
  EXPECT_EQ(record.takeover, model.takeover);
  EXPECT_EQ(record.cancel_requested, model.cancel_requested);
  EXPECT_EQ(record.error, model.error);
  EXPECT_EQ(record.result, model.result);
}

TEST_P(RunContract, AnswersAsTheMachineSays) {
  constexpr Duration kTick = 250ms;  // after which a memory engine looks
  limits_.made_per_second = 0;
  limits_.kept_runs_per_user = 10'000;
  limits_.open_runs_per_user = 10'000;
  begin();
  for (unsigned seed = 1; seed <= kHistories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RunHistory history(seed);
    NewRun asked = new_run("r" + std::to_string(seed));
    asked.bytes_max = 500;
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
