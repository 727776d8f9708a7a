// Runs of two instances on one Redis, and what becomes of them when it loses something.
#include "engine/redis/run_store.h"

#include "engine/redis/run_testing.h"

namespace gw {
namespace {

class RunStores : public RunTest {
 protected:
  // On a server of its own, that may stand still and end.
  std::unique_ptr<TestInstance> start_on_own_server(const std::string& name) {
    redis::EngineOptions options = redis_options(EngineUnderTest::redis, name);
    options.urls = {server().url()};
    return start(std::make_unique<redis::Engine>(loop_, channels_, options));
  }
  redis::TestServer& server() {
    if (!server_) server_ = std::make_unique<redis::TestServer>();
    return *server_;
  }
  // By hand. The answer as text, or of its last element.
  std::string command(const redis::Url& url, std::vector<std::string> words) {
    redis::DialOptions dial;
    dial.url = url;
    redis::Client client(loop_, dial, "by hand");
    client.start({.on_up = [] {}, .on_down = [] {}, .on_push = {}});
    EXPECT_TRUE(until([&] { return client.is_up(); }));
    std::optional<std::string> answer;
    const std::vector<std::string_view> views(words.begin(), words.end());
    client.command(views, [&](const Result<redis::Reply>& reply) {
      answer = reply ? std::string(reply->text()) : reply.error().detail;
    });
    EXPECT_TRUE(until([&] { return answer.has_value(); }));
    return *answer;
  }
  // What stands in Redis of runs: each key with each run that it names.
  std::string names_of_runs() {
    const char* kNames = R"lua(
local out = ''
for _, pattern in ipairs({'run*', 'thread*'}) do
  for _, key in ipairs(redis.call('KEYS', ARGV[1] .. pattern)) do
    local names = {'it'}
    if redis.call('TYPE', key).ok == 'zset' then names = redis.call('ZRANGE', key, 0, -1) end
    if string.find(key, '}:bytes', 1, true) then names = redis.call('HKEYS', key) end
    for _, name in ipairs(names) do
      if name ~= '*' then out = out .. ' ' .. key .. '=' .. name end
    end
  end
end
return out
)lua";
    return command(server().url(), {"EVAL", kNames, "0", key_prefix_});
  }
  // How long it took; a busy machine has no promise to keep.
  static void record_milliseconds(TimePoint since) {
    using std::chrono::milliseconds;
    RecordProperty("milliseconds",
                   std::to_string(std::chrono::duration_cast<milliseconds>(steady_now() - since).count()));
  }
  void pass(Duration time) {
    const TimePoint end = steady_now() + time;
    while (steady_now() < end) loop_.turn(5ms);
  }

 private:
  std::unique_ptr<redis::TestServer> server_;
};

TEST_F(RunStores, FollowEachOther) {
  const auto a = start(EngineUnderTest::redis, "gw-a"), b = start(EngineUnderTest::redis, "gw-b");
  RunStore &runs = a->engine().runs(), &others = b->engine().runs();
  ASSERT_TRUE(create(runs, new_run("r", "one")));
  FollowingReader here, there;
  ASSERT_TRUE(read(runs, "r", here));
  ASSERT_TRUE(read(others, "r", there));
  std::string text;
  for (uint64_t seq = 0; seq < 200; ++seq) {
    const std::string piece = "piece " + std::to_string(seq) + "\n";
    ASSERT_TRUE(append(seq % 2 == 0 ? runs : others, "r", batch("one", 1, seq, piece)));
    text += piece;
  }
  EXPECT_TRUE(until([&] { return here.text == text && there.text == text; }));
  EXPECT_EQ(*cancel(others, "r", "enough"), RunCancelled::asked);
  EXPECT_TRUE(until([&] { return here.cancels == 1 && there.cancels == 1; }));
  ASSERT_TRUE(append(runs, "r", last_batch("one", 1, 200, "end")));
  EXPECT_TRUE(until([&] { return here.ends == 1 && there.ends == 1; }));
  EXPECT_EQ(there.text, text + "end");
  EXPECT_EQ(there.reading.run()->record.status, RunStatus::completed);
}

TEST_F(RunStores, OneOwnerOfMany) {
  const auto a = start(EngineUnderTest::redis, "gw-a"), b = start(EngineUnderTest::redis, "gw-b");
  ASSERT_TRUE(create(a->engine().runs(), new_run("r")));
  std::vector<Answer<RunClaimed>> answers;
  for (int i = 0; i < 10; ++i) {
    answers.push_back(std::make_shared<std::optional<RunResult<RunClaimed>>>());
    RunClaim claim;
    claim.producer = "p" + std::to_string(i);
    (i % 2 == 0 ? a : b)
        ->engine()
        .runs()
        .claim("r", {}, claim,
               [answer = answers.back()](RunResult<RunClaimed> r) { *answer = std::move(r); });
  }
  EXPECT_TRUE(until([&] {
    return std::all_of(answers.begin(), answers.end(),
                       [](const auto& answer) { return answer->has_value(); });
  }));
  EXPECT_EQ(std::count_if(answers.begin(), answers.end(),
                          [](const auto& answer) { return (*answer)->has_value(); }),
            1);
}

TEST_F(RunStores, ASecondReaderCostsNoCommand) {
  const auto instance = start(EngineUnderTest::redis);
  RunStore& runs = instance->engine().runs();
  ASSERT_TRUE(create(runs, new_run("r", "one")));
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 0, "text")));
  FollowingReader first, second;
  ASSERT_TRUE(read(runs, "r", first));
  const uint64_t before = instance->engine().stats().commands_total;
  bool answered = false;
  second.reading = runs.read("r", second.self, [&](RunResult<const gw::Run*> run) {
    answered = run.has_value();
    second.begin(**run);
  });
  EXPECT_TRUE(answered);
  EXPECT_EQ(second.text, "text");
  EXPECT_EQ(instance->engine().stats().commands_total, before);
}

TEST_F(RunStores, ManyAreComparedOneAfterAnother) {
  constexpr size_t kRuns = 200;
  const auto instance = start(EngineUnderTest::redis);
  RunStore& runs = instance->engine().runs();
  std::vector<std::unique_ptr<FollowingReader>> readers;
  for (size_t i = 0; i < kRuns; ++i) {
    NewRun run = new_run("r" + std::to_string(i), "one");
    run.audience = {RunAudience::Kind::channel, "", ""};  // a user may have fewer
    ASSERT_TRUE(create(runs, run));
    readers.push_back(std::make_unique<FollowingReader>());
    ASSERT_TRUE(read(runs, run.run_id, *readers.back()));
  }
  settle(*instance);
  const uint64_t before = instance->engine().stats().commands_total;
  size_t most = 0;
  EXPECT_TRUE(until([&] {
    most = std::max(most, instance->engine().stats().pending);
    return instance->engine().stats().commands_total - before > 2 * kRuns;
  }));
  EXPECT_LT(most, kRuns / 2);
}

TEST_F(RunStores, AnAppendIsOneCommand) {
  const auto instance = start(EngineUnderTest::redis);
  RunStore& runs = instance->engine().runs();
  ASSERT_TRUE(create(runs, new_run("r", "one")));
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 0, "the first asks for room ")));
  settle(*instance);
  const uint64_t before = instance->engine().stats().commands_total;
  runs.append("r", {}, batch("one", 1, 1, "text"), [](const RunResult<RunAppended>&) {});
  EXPECT_EQ(instance->engine().stats().commands_total, before + 1);
  settle(*instance);
}

TEST_F(RunStores, ALostMessageIsMadeUpFor) {
  const auto instance = start(EngineUnderTest::redis);
  RunStore& runs = instance->engine().runs();
  ASSERT_TRUE(create(runs, new_run("r", "one")));
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 0, "heard ")));
  FollowingReader reader;
  ASSERT_TRUE(read(runs, "r", reader));
  // By another number of the database nobody here hears of it.
  redis::DialOptions dial;
  dial.url = redis::TestServer::shared().url();
  redis::Client client(loop_, dial, "unheard");
  client.start({.on_up = [] {}, .on_down = [] {}, .on_push = {}});
  ASSERT_TRUE(until([&] { return client.is_up(); }));
  redis::load_scripts(client);
  const redis::Keys keys(key_prefix_, "gw-x", 7);
  const redis::RunStoreOptions options;
  redis::Subscriptions subscriptions(loop_, client);
  const redis::RunPlaces places({{0, client, subscriptions, keys}});
  redis::RunCalls unheard({loop_, places, channels_}, options);
  const auto before = ask_run<redis::StoredRun>(
      [&](RunDone<redis::StoredRun> done) { unheard.read("r", redis::kNoLog, std::move(done)); });
  ASSERT_TRUE(before);
  const auto say = [&](uint64_t seq, const std::string& bytes) {
    std::string code;
    unheard.append("r", *before, batch("one", 1, seq, bytes), true,
                   [&](const Result<redis::RunAnswer>& answer) { code = answer ? answer->code() : "lost"; });
    EXPECT_TRUE(until([&] { return !code.empty(); }));
    EXPECT_EQ(code, "appended");
  };
  say(1, "unheard ");
  EXPECT_EQ(reader.text, "heard ");
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 2, "heard again ")));
  EXPECT_TRUE(until([&] { return reader.text == "heard unheard heard again "; })) << "a hole is filled";
  say(3, "the last");
  const TimePoint lost_at = steady_now();
  EXPECT_TRUE(until([&] { return reader.text == "heard unheard heard again the last"; }));
  record_milliseconds(lost_at);
  EXPECT_EQ(runs.stats().reloads_total, 0u);
}

TEST_F(RunStores, ALostSubscriptionIsMadeUpFor) {
  const auto instance = start_on_own_server("gw-a");
  RunStore& runs = instance->engine().runs();
  ASSERT_TRUE(create(runs, new_run("r", "one")));
  FollowingReader reader;
  ASSERT_TRUE(read(runs, "r", reader));
  command(server().url(), {"CLIENT", "KILL", "TYPE", "pubsub"});
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 0, "meanwhile ")));
  RunClaim cut{.producer = "two", .keep = 4, .force = true};
  ASSERT_TRUE(claim(runs, "r", cut));
  ASSERT_TRUE(append(runs, "r", last_batch("two", 2, 0, "while")));
  EXPECT_TRUE(until([&] { return reader.ends == 1; }));
  EXPECT_EQ(reader.text, "meanwhile");
  EXPECT_EQ(runs.stats().reloads_total, 0u);
}

TEST_F(RunStores, ARedisThatLostItsTailIsTold) {
  const auto instance = start_on_own_server("gw-a");
  RunStore& runs = instance->engine().runs();
  ASSERT_TRUE(create(runs, new_run("r", "one")));
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 0, "saved ")));
  EXPECT_EQ(command(server().url(), {"SAVE"}), "OK");
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 1, "lost")));
  FollowingReader reader;
  ASSERT_TRUE(read(runs, "r", reader));
  EXPECT_EQ(reader.text, "saved lost");
  server().restart();
  EXPECT_TRUE(until([&] { return reader.text == "saved "; }));
  EXPECT_EQ(reader.changes.back().kind, RunChange::Kind::reloaded);
  EXPECT_EQ(runs.stats().reloads_total, 1u);
  // The producer sends what is missing under the seq that is expected.
  EXPECT_TRUE(until([&] { return probe(*instance).has_value(); }));
  const auto gap = append(runs, "r", batch("one", 1, 2, " more"));
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().expected_seq, 1u);
  EXPECT_EQ(gap.error().run->pos, 6u);
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 1, "lost")));
  ASSERT_TRUE(append(runs, "r", last_batch("one", 1, 2, " more")));
  EXPECT_TRUE(until([&] { return reader.ends == 1; }));
  EXPECT_EQ(reader.text, "saved lost more");
}

TEST_F(RunStores, AClaimIsNeverGivenTheEpochOfALostOne) {
  const auto instance = start_on_own_server("gw-a");
  RunStore& runs = instance->engine().runs();
  ASSERT_TRUE(create(runs, new_run("r", "one")));
  FollowingReader reader;
  ASSERT_TRUE(read(runs, "r", reader));
  command(server().url(), {"SAVE"});
  EXPECT_EQ(claim(runs, "r", {.producer = "one"})->epoch, 2u);
  EXPECT_TRUE(until([&] { return reader.epoch == 2; }));
  server().restart();
  EXPECT_TRUE(until([&] { return probe(*instance).has_value(); }));
  const auto again = claim(runs, "r", {.producer = "one", .epoch_known = 2});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->epoch, 3u);
}

TEST_F(RunStores, ARedisThatSleptEndsNothing) {
  const auto a = start_on_own_server("gw-a"), b = start_on_own_server("gw-b");
  RunStore& runs = a->engine().runs();
  NewRun run = new_run("r", "one");
  run.claim->lease = 2s;
  ASSERT_TRUE(create(runs, run));
  server().stop();
  pass(4s);
  server().go_on();
  EXPECT_TRUE(until([&] { return probe(*a).has_value() && probe(*b).has_value(); }));
  EXPECT_EQ(find(runs, "r")->record.status, RunStatus::in_progress);
  EXPECT_EQ(code_of(claim(b->engine().runs(), "r", {.producer = "two"})), "run_held");
  pass(1s);
  ASSERT_TRUE(heartbeat(runs, "r", {"one", 1})) << "its owner has a whole lease to come back";
  pass(1500ms);
  EXPECT_EQ(find(runs, "r")->record.status, RunStatus::in_progress);
  EXPECT_TRUE(until([&] { return find(runs, "r")->record.status == RunStatus::abandoned; }))
      << "and then is dead";
}

TEST_F(RunStores, AnotherInstanceEndsWhatADeadOneLeft) {
  auto a = start(EngineUnderTest::redis, "gw-a");
  const auto b = start(EngineUnderTest::redis, "gw-b");
  NewRun run = new_run("r", "one");
  run.claim->lease = 500ms;
  ASSERT_TRUE(create(a->engine().runs(), run));
  ASSERT_TRUE(append(a->engine().runs(), "r", batch("one", 1, 0, "half")));
  FollowingReader reader;
  ASSERT_TRUE(read(b->engine().runs(), "r", reader));
  const TimePoint died_at = steady_now();
  a.reset();
  EXPECT_TRUE(until([&] { return reader.ends == 1; }));
  record_milliseconds(died_at);
  EXPECT_EQ(reader.reading.run()->record.rare->error->code, "agent_lost");
}

TEST_F(RunStores, ADeletionWhoseAnswerIsLostLeavesNothing) {
  const auto instance = start_on_own_server("gw-a");
  RunStore& runs = instance->engine().runs();
  NewRun deleted = new_run("deleted", "one"), withdrawn = new_run("withdrawn");
  deleted.thread_id = withdrawn.thread_id = "c1";
  deleted.claim->realm = "shop";
  withdrawn.asked_as = "m1";
  ASSERT_TRUE(create(runs, deleted));
  ASSERT_TRUE(append(runs, "deleted", batch("one", 1, 0, "text")));
  ASSERT_TRUE(create(runs, withdrawn));
  settle(*instance);
  EXPECT_NE(names_of_runs(), "");
  server().stop();
  std::string answer;
  runs.remove("deleted", {}, [&](const RunResult<void>& removed) { answer = code_of(removed); });
  runs.withdraw("withdrawn");
  EXPECT_TRUE(until([&] { return !answer.empty(); }));
  EXPECT_EQ(answer, "unavailable") << "yet it is done when the server goes on";
  server().go_on();
  EXPECT_TRUE(until([&] { return probe(*instance).has_value(); }));
  EXPECT_EQ(code_of(find(runs, "deleted")), "run_not_found");
  const auto is_clean = [&] {
    pass(20ms);
    return names_of_runs().empty();
  };
  EXPECT_TRUE(until(is_clean)) << names_of_runs();
}

TEST_F(RunStores, AnIdIsFreeOnceItsDeletionIsUndone) {
  const auto instance = start_on_own_server("gw-a");
  RunStore& runs = instance->engine().runs();
  const std::string left = key_prefix_ + "run:{r}:removed";
  command(server().url(), {"HSET", left, "user", "ann", "realm", "", "thread", "", "asked", ""});
  EXPECT_EQ(code_of(create(runs, new_run("r", "one"))), "unavailable");
  settle(*instance);
  command(server().url(), {"DEL", left});
  EXPECT_EQ(code_of(create(runs, new_run("r", "one"))), "ok");
}

TEST_F(RunStores, EveryKeyGoesByItself) {
  const auto instance = start_on_own_server("gw-a");
  NewRun run = new_run("r", "one");
  run.thread_id = "c1";
  run.asked_as = "m1";
  run.claim->realm = "shop";
  RunStore& runs = instance->engine().runs();
  ASSERT_TRUE(create(runs, run));
  ASSERT_TRUE(append(runs, "r", batch("one", 1, 0, "text")));
  RunClaim cut{.producer = "one", .keep = 2};
  ASSERT_TRUE(claim(runs, "r", cut));
  const char* kForever = R"lua(
local out = ''
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  if redis.call('PTTL', key) < 0 then out = out .. ' ' .. key end
end
return out
)lua";
  EXPECT_EQ(command(server().url(), {"EVAL", kForever, "0", key_prefix_ + "run*"}), "");
  EXPECT_EQ(command(server().url(), {"EVAL", kForever, "0", key_prefix_ + "thread*"}), "");
}

}  // namespace
}  // namespace gw
