// What an engine of several partitions does that one of one has not to: a server that is away, and things
// that are in more than one of them.
#include <set>

#include "engine/redis/run_testing.h"

namespace gw {
namespace {

using redis::Partition;

// On servers of its own, which may be stopped. Of three servers the first has the channel "guide" and user
// kim, the second bob, the third "pillar:content" and ann (partitioning_test.cc).
class Partitions : public RunTest {
 protected:
  static constexpr ChannelIndex kGuide = 0, kContent = 1;

  std::unique_ptr<TestInstance> start_here(const std::string& name) {
    return start(std::make_unique<redis::Engine>(loop_, channels_, options(name)));
  }
  redis::EngineOptions options(const std::string& name) {
    redis::EngineOptions options = redis_options(EngineUnderTest::redis_partitioned, name);
    options.urls = servers_.urls();
    return options;
  }
  static size_t away(TestInstance& instance) { return instance.engine().stats().away.size(); }
  void stop_server(size_t index, TestInstance& instance) {
    servers_[index].stop();
    EXPECT_TRUE(until([&] {
      probe(instance);
      return away(instance) == 1;
    }));
  }
  void await_all(TestInstance& instance) {
    EXPECT_TRUE(until([&] { return probe(instance) && away(instance) == 0; }));
  }
  std::string add(TestInstance& instance, const ConnectionRecord& record, size_t per_user = 5) {
    const AdmissionLimits limits{.per_user = per_user, .total = 100};
    const auto added =
        ask<void>([&](Done<void> done) { instance.registry().add(record, limits, std::move(done)); });
    return added ? "added" : to_string(added.error().code);
  }
  std::string identify(TestInstance& instance, const ConnectionId& id, const SessionPtr& session,
                       size_t per_user = 5) {
    const AdmissionLimits limits{.per_user = per_user, .total = 100};
    const auto known = ask<void>(
        [&](Done<void> done) { instance.registry().identify(id, session, limits, std::move(done)); });
    return known ? "identified" : to_string(known.error().code);
  }
  // The user ("-": none) of the connection; "none", or the error's name.
  std::string find(TestInstance& instance, const ConnectionId& id) {
    const auto found = ask<std::optional<ConnectionRecord>>(
        [&](Done<std::optional<ConnectionRecord>> done) { instance.registry().find(id, std::move(done)); });
    if (!found) return to_string(found.error().code);
    if (!*found) return "none";
    return (*found)->session ? std::string((*found)->user_id()) : "-";
  }
  size_t select(TestInstance& instance, const Selector& selector) {
    const auto found = ask<std::vector<ConnectionRecord>>([&](Done<std::vector<ConnectionRecord>> done) {
      instance.registry().select(selector, std::move(done));
    });
    return found ? found->size() : 999;
  }
  std::string submit_to(TestInstance& instance, ChannelIndex channel, const std::string& text) {
    AgentMessage message = this->message(text);
    message.channel = channel;
    return submit(instance, message);
  }
  // A command on one of the servers.
  std::string command(size_t server, std::initializer_list<std::string_view> words) {
    redis::DialOptions dial;
    dial.url = servers_.urls()[server];
    redis::Client client(loop_, dial, "test");
    client.start({.on_up = [] {}, .on_down = [] {}, .on_push = {}});
    EXPECT_TRUE(until([&] { return client.is_up(); }));
    std::optional<std::string> answer;
    client.command(words, [&](const Result<redis::Reply>& reply) {
      answer = !reply             ? "error"
               : reply->is_text() ? std::string(reply->text())
                                  : std::to_string(reply->integer());
    });
    EXPECT_TRUE(until([&] { return answer.has_value(); }));
    return answer.value_or("");
  }

  redis::TestServers servers_;
};

TEST_F(Partitions, AServerThatIsAwayTakesOnlyWhatIsItsOwn) {
  const auto instance = start_here("gw-a");
  TestAgent agent;
  subscribe(*instance, agent);  // to kGuide
  const ConnectionRecord anns = test_connection(shared_session("s", "ann"), 1);
  EXPECT_EQ(add(*instance, anns), "added");
  stop_server(2, *instance);
  EXPECT_TRUE(probe(*instance)) << "the instance works on";
  EXPECT_EQ(instance->losses, 0);
  EXPECT_TRUE(instance->engine().stats().connected);
  EXPECT_EQ(instance->engine().stats().away, Texts{servers_.urls()[2].text()});
  EXPECT_EQ(submit_to(*instance, kGuide, "here"), "published");
  EXPECT_EQ(submit_to(*instance, kContent, "there"), "queued");
  EXPECT_EQ(add(*instance, test_connection(shared_session("k", "kim"), 2)), "added");
  EXPECT_EQ(add(*instance, test_connection(shared_session("b", "bob"), 3)), "added");
  EXPECT_EQ(add(*instance, test_connection(shared_session("a", "ann"), 4)), "unavailable");
  EXPECT_EQ(select(*instance, ByUser{"kim"}), 1u);
  EXPECT_EQ(select(*instance, BySession{"ref-k"}), 1u);
  EXPECT_EQ(select(*instance, ByUser{"ann"}), 999u);
  EXPECT_EQ(find(*instance, anns.id), "ann") << "it is here";
  const auto counts = ask<ConnectionCounts>(
      [&](Done<ConnectionCounts> done) { instance->registry().count("", false, std::move(done)); });
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->global, 2u);
  servers_[2].go_on();
  await_all(*instance);
  EXPECT_TRUE(until([&] { return instance->agents().stats(kContent).queue_size == 1; }));
  EXPECT_EQ(add(*instance, test_connection(shared_session("a", "ann"), 4)), "added");
  EXPECT_EQ(select(*instance, ByUser{"ann"}), 2u);
}

TEST_F(Partitions, AllThatAreAwayAreALossOfTheEngine) {
  const auto instance = start_here("gw-a");
  for (const size_t server : {0u, 1u, 2u}) servers_[server].stop();
  EXPECT_TRUE(until([&] { return !probe(*instance); }));
  EXPECT_TRUE(until([&] { return instance->losses > 0; }));
  EXPECT_FALSE(instance->engine().stats().connected);
  for (const size_t server : {0u, 1u, 2u}) servers_[server].go_on();
  await_all(*instance);
}

TEST_F(Partitions, AServerThatBeganAnewGetsItsOwnAgain) {
  const auto a = start_here("gw-a"), b = start_here("gw-b");
  std::vector<ConnectionRecord> records;
  for (const char* user : {"kim", "bob", "ann", "leo", "mia", "zoe"}) {
    for (uint32_t i = 0; i < 3; ++i)
      records.push_back(test_connection(shared_session(user, user), static_cast<uint32_t>(records.size())));
  }
  for (const ConnectionRecord& record : records) EXPECT_EQ(add(*a, record), "added");
  for (const ConnectionRecord& record : records) EXPECT_EQ(find(*b, record.id), record.user_id());
  servers_[1].restart();
  EXPECT_EQ(command(1, {"DBSIZE"}) == "0", true);
  await_all(*a);
  await_all(*b);
  // Whose record it had, and whose id is looked for there.
  EXPECT_TRUE(until([&] {
    return std::all_of(records.begin(), records.end(), [&](const ConnectionRecord& record) {
      return find(*b, record.id) == record.user_id();
    });
  }));
  EXPECT_EQ(select(*b, ByChannel{kGuide}), records.size());
}

TEST_F(Partitions, WhereAConnectionIsIsFoundByItsId) {
  const auto a = start_here("gw-a"), b = start_here("gw-b");
  std::set<size_t> homes;
  for (uint32_t i = 0; homes.size() < 3; ++i) {
    const ConnectionRecord record = test_connection(nullptr, i);
    const size_t home = redis::partition_of(record.id.text(), 3);
    if (!homes.insert(home).second) continue;
    const std::string key = key_prefix_ + "connection:" + record.id.text();
    EXPECT_EQ(add(*a, record), "added");
    EXPECT_EQ(find(*b, record.id), "-");
    EXPECT_EQ(command(home, {"EXISTS", key}), "1");
    // It becomes ann's, whose partition is the last.
    EXPECT_EQ(identify(*a, record.id, shared_session("s", "ann")), "identified");
    EXPECT_EQ(find(*b, record.id), "ann");
    EXPECT_EQ(command(2, {"EXISTS", key}), "1");
    EXPECT_TRUE(until([&] { return home == 2 || command(home, {"EXISTS", key}) == "0"; }));
    EXPECT_EQ(command(home, {"EXISTS", key + ":at"}), home == 2 ? "0" : "1");
    a->registry().replace_session(record.id, shared_session("t", "ann"));
    EXPECT_TRUE(until([&] { return select(*b, BySession{"ref-t"}) == 1; }));
    a->registry().remove(record.id, 1000);
    EXPECT_TRUE(until([&] { return find(*b, record.id) == "none"; }));
    EXPECT_EQ(command(home, {"EXISTS", key + ":at"}), "0");
    EXPECT_EQ(command(2, {"EXISTS", key}), "0");
  }
}

TEST_F(Partitions, WhoBecomesAUsersHasRoomOrStaysWhoHeWas) {
  const auto a = start_here("gw-a"), b = start_here("gw-b");
  EXPECT_EQ(add(*b, test_connection(shared_session("s", "ann"), 1), 1), "added");
  const ConnectionRecord record = test_connection(nullptr, 2);
  EXPECT_EQ(add(*a, record), "added");
  EXPECT_EQ(identify(*a, record.id, shared_session("t", "ann"), 1), "resource_exhausted");
  EXPECT_EQ(find(*b, record.id), "-");
  EXPECT_EQ(identify(*a, record.id, shared_session("t", "ann"), 2), "identified");
  EXPECT_EQ(find(*b, record.id), "ann");
  EXPECT_EQ(select(*b, ByUser{"ann"}), 2u);
  // Its limit is that of all instances.
  EXPECT_EQ(add(*b, test_connection(shared_session("s", "ann"), 3), 2), "resource_exhausted");
}

// What is said of connections on the events' name, in every partition.
TEST_F(Partitions, NobodyIsToldThatAConnectionMoved) {
  Texts told;
  std::vector<std::unique_ptr<redis::Client>> clients;
  std::vector<std::unique_ptr<redis::Subscriptions>> subscriptions;
  size_t ready = 0;
  for (const redis::Url& url : servers_.urls()) {
    redis::DialOptions dial;
    dial.url = url;
    clients.push_back(std::make_unique<redis::Client>(loop_, dial, "events"));
    subscriptions.push_back(std::make_unique<redis::Subscriptions>(loop_, *clients.back()));
    subscriptions.back()->keep(key_prefix_ + "events", [&](std::string_view text) {
      told.emplace_back(text);
      return true;
    });
    subscriptions.back()->start({.on_ready = [&] { ++ready; }, .on_down = [] {}});
  }
  ASSERT_TRUE(until([&] { return ready == 3; }));
  const auto instance = start_here("gw-a");
  for (uint32_t i = 0; i < 6; ++i) {
    const ConnectionRecord record = test_connection(nullptr, i);
    EXPECT_EQ(add(*instance, record), "added");
    EXPECT_EQ(identify(*instance, record.id, shared_session("s", "ann"), 0), "identified");
    instance->registry().remove(record.id, 1000);
  }
  EXPECT_TRUE(until([&] { return told.size() >= 12; }));
  settle(*instance);
  EXPECT_EQ(told.size(), 12u);
  size_t opened = 0;
  for (const std::string& event : told) opened += event.find("connection_opened") != event.npos;
  EXPECT_EQ(opened, 6u);
}

TEST_F(Partitions, ReachesAConnectionWhereverItsRecordIs) {
  const auto a = start_here("gw-a"), b = start_here("gw-b");
  size_t sent = 0;
  for (const char* user : {"kim", "bob", "ann", ""}) {
    const auto session = *user ? shared_session(user, user) : nullptr;
    const ConnectionRecord record = test_connection(session, static_cast<uint32_t>(sent));
    EXPECT_EQ(add(*a, record), "added");
    const auto found = ask<std::optional<ConnectionRecord>>(
        [&](auto done) { b->registry().find(record.id, std::move(done)); });
    ASSERT_TRUE(found && *found) << user;
    EXPECT_TRUE(ask<void>([&](Done<void> done) { b->clients().send(**found, "\"x\"", std::move(done)); }));
    EXPECT_TRUE(until([&] { return a->sent.size() == sent + 1; })) << user;
    ++sent;
  }
  // An agent with a Redis client answers by the name that the envelope says.
  const ConnectionRecord record = test_connection(shared_session("bob", "bob"), 9);
  EXPECT_EQ(add(*a, record), "added");
  const std::string answer = "{\"connection_id\":\"" + record.id.text() + "\",\"message\":1}";
  command(redis::partition_of("gw-a", 3), {"PUBLISH", a->engine().traits().reply_to, answer});
  EXPECT_TRUE(until([&] { return a->sent.size() == sent + 1; }));
}

TEST_F(Partitions, WhoCountsThemOtherwiseStaysAway) {
  const auto a = start_here("gw-a");
  redis::EngineOptions otherwise = options("gw-b");
  std::swap(otherwise.urls[0], otherwise.urls[1]);
  const auto b = std::make_unique<TestInstance>(std::make_unique<redis::Engine>(loop_, channels_, otherwise));
  EXPECT_TRUE(until([&] { return probe(*b) && b->engine().stats().away.size() == 2; }))
      << "the third is the same";
  EXPECT_EQ(add(*b, test_connection(shared_session("k", "kim"), 2)), "unavailable");
  EXPECT_EQ(away(*a), 0u);
}

// --- Runs --------------------------------------------------------------------------------------------------

TEST_F(Partitions, RunsOfAServerThatIsAwaySufferAlone) {
  const auto a = start_here("gw-a"), b = start_here("gw-b");
  // Of each server one, of kim, whose bounds are counted on the first.
  std::array<std::string, 3> ids;
  for (int i = 0; std::any_of(ids.begin(), ids.end(), [](auto& id) { return id.empty(); }); ++i) {
    const std::string id = "run-" + std::to_string(i);
    ids[redis::partition_of(id, 3)] = id;
  }
  const auto kims = [](const std::string& id) {
    NewRun run = new_run(id, "one");
    run.audience = {RunAudience::Kind::user, "kim", ""};
    return run;
  };
  std::array<FollowingReader, 3> readers;
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(create(a->engine().runs(), kims(ids[i])));
    ASSERT_TRUE(read(b->engine().runs(), ids[i], readers[i]));
  }
  const size_t kim = redis::partition_of(redis::run_user({RunAudience::Kind::user, "kim", ""}, {}), 3);
  const size_t gone = (kim + 1) % 3, other = (kim + 2) % 3;
  stop_server(gone, *a);
  EXPECT_EQ(code_of(append(a->engine().runs(), ids[gone], batch("one", 1, 0, "x"))), "unavailable");
  EXPECT_EQ(code_of(append(a->engine().runs(), ids[other], batch("one", 1, 0, "text"))), "ok");
  EXPECT_TRUE(until([&] { return readers[other].text == "text"; }));
  EXPECT_EQ(code_of(create(a->engine().runs(), kims(ids[other] + "-b"))),
            redis::partition_of(ids[other] + "-b", 3) == gone ? "unavailable" : "ok");
  servers_[gone].go_on();
  await_all(*a);
  await_all(*b);
  EXPECT_TRUE(until(
      [&] { return code_of(append(a->engine().runs(), ids[gone], batch("one", 1, 0, "later"))) == "ok"; }));
  EXPECT_TRUE(until([&] { return readers[gone].text.ends_with("later"); }));
}

// By the clock of each one's server, which takes them in a moment later.
TEST_F(Partitions, RunsAreListedInOneOrderWhereverTheyAre) {
  const auto instance = start_here("gw-a");
  RunStore& runs = instance->engine().runs();
  const auto listed = [&](size_t limit) {
    Texts all;
    RunFilter filter;
    filter.limit = limit;
    do {
      const auto page = ask_run<RunList>([&](RunDone<RunList> done) { runs.list(filter, std::move(done)); });
      EXPECT_TRUE(page);
      if (!page) break;
      for (const RunRecord& run : page->runs) all.emplace_back(run.run_id);
      filter.after = page->after;
    } while (!filter.after.empty());
    return all;
  };
  Texts made;
  for (int i = 0; i < 25; ++i) {
    made.push_back("run-" + std::to_string(i));
    ASSERT_TRUE(create(runs, new_run(made.back())));
  }
  settle(*instance);
  const Texts all = listed(100);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()), std::set<std::string>(made.begin(), made.end()));
  EXPECT_EQ(all.size(), made.size());
  for (const size_t limit : {1u, 4u}) EXPECT_EQ(listed(limit), all);
}

}  // namespace
}  // namespace gw
