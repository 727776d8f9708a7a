// Who reaches, finds, lists and reads a run, on both engines.
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

// contract_runs_test.cc names the engines of the suite.

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

}  // namespace
}  // namespace gw
