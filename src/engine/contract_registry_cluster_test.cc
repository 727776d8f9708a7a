// What the registries of several instances promise, on Redis.
#include "engine/contract_registry_testing.h"

namespace gw {
namespace {

// What a user's connections on several instances are to each other.
class RegistryCluster : public RegistryContract {
 protected:
  std::string add_to(TestInstance& instance, const ConnectionRecord& record) {
    const auto added =
        ask<void>([&](Done<void> done) { instance.registry().add(record, kTwo, std::move(done)); });
    return added ? "added" : to_string(added.error().code);
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, RegistryCluster, testing::ValuesIn(kSharedEngines), name_of);

TEST_P(RegistryCluster, ReplacesTheSameClientElsewhere) {
  begin();
  const auto other = start(GetParam(), "gw-2");
  const auto evicted = watch_evictions(registry()), evicted_there = watch_evictions(other->registry());
  const auto session = shared_session("s", "ann");
  const ConnectionRecord first = tab(session, 1, "tab-1"), second = tab(session, 2, "tab-2");
  add_to(*instance_, first);
  add_to(*other, second);
  EXPECT_EQ(add_to(*other, tab(session, 3, "tab-1")), "added");
  EXPECT_TRUE(until([&] { return *evicted == Evicted{{1, 4010}}; }));
  EXPECT_EQ(*evicted_there, Evicted{});
  EXPECT_FALSE(find(first.id));
  EXPECT_EQ(select_local(ByUser{"ann"}), Slots{});
  // Told once, it is not told again.
  settle(*instance_);
  EXPECT_EQ(add_to(*instance_, tab(session, 4, "tab-2")), "added");
  EXPECT_TRUE(until([&] { return *evicted_there == Evicted{{2, 4010}}; }));
  EXPECT_EQ(*evicted, (Evicted{{1, 4010}}));
  EXPECT_EQ(count().per_user, (std::map<std::string, size_t>{{"ann", 2}}));
}

TEST_P(RegistryCluster, WhatWasOnALostInstanceGivesWay) {
  begin();
  auto lost = start(GetParam(), "gw-2");
  const auto session = shared_session("s", "ann");
  const ConnectionRecord there = tab(session, 1, "tab-1");
  add_to(*lost, there);
  add_to(*lost, tab(session, 2, "tab-2"));
  lost.reset();
  EXPECT_EQ(add(tab(session, 3, "tab-1"), kTwo), "added") << "the same client, at once";
  EXPECT_EQ(add(tab(session, 4, "tab-3"), kTwo), "resource_exhausted");
  EXPECT_TRUE(until([&] { return add(tab(session, 5, "tab-4"), kTwo) == "added"; }));
  EXPECT_EQ(add(tab(session, 6, "tab-5"), kTwo), "resource_exhausted");
  EXPECT_EQ(select(ByUser{"ann"}), (Slots{3, 5}));
}

// A connection that gave way while its instance moved it to a fresh session.
TEST_P(RegistryCluster, WhatGaveWayIsNotRegisteredAnew) {
  begin();
  const auto other = start(GetParam(), "gw-2");
  const auto evicted = watch_evictions(registry());
  const auto session = shared_session("s", "ann");
  const ConnectionRecord first = tab(session, 1, "tab-1");
  add_to(*instance_, first);
  add_to(*instance_, tab(session, 2, "tab-2"));
  const auto added = slot<void>();
  other->registry().add(tab(session, 3, "tab-1"), kTwo, into<void>(added));
  registry().replace_session(first.id, shared_session("fresh", "ann"));
  ASSERT_TRUE(until([&] { return added->has_value(); }));
  // Whichever Redis heard first: the user has two, and who gave way is gone.
  const bool gave_way = (*added)->has_value();
  EXPECT_TRUE(until([&] { return evicted->empty() != gave_way; }));
  EXPECT_TRUE(until([&] { return count().per_user == std::map<std::string, size_t>{{"ann", 2}}; }));
  settle(*instance_);
  EXPECT_EQ(find(first.id).has_value(), !gave_way);
  EXPECT_EQ(count().per_user, (std::map<std::string, size_t>{{"ann", 2}}));
}

TEST_P(RegistryCluster, AllFiguresOfAnAnswerAreOfOneMoment) {
  begin();
  auto lost = start(GetParam(), "gw-2");
  for (uint32_t i = 0; i < 3; ++i) {
    ConnectionRecord record = test_connection(shared_session("a", "ann", "red"), i);
    record.channels.add(2);
    lost->registry().add(record, {}, [](Result<void>) {});
  }
  add(test_connection(shared_session("b", "bob", "red"), 4));
  EXPECT_TRUE(until([&] { return count().global == 4; }));
  lost.reset();
  for (const std::string tenant : {"", "red"}) {
    EXPECT_TRUE(until([&] {
      const ConnectionCounts counts = count(tenant);
      size_t of_users = 0, of_gateways = 0;
      for (const auto& [user, connections] : counts.per_user) of_users += connections;
      for (const auto& [gateway, connections] : counts.by_gateway) of_gateways += connections;
      EXPECT_EQ(of_users, counts.global) << tenant;
      EXPECT_EQ(of_gateways, counts.global) << tenant;
      EXPECT_EQ(counts.by_channel.at("guide"), counts.global) << tenant;
      EXPECT_EQ(counts.by_channel.at("pillar:insights"), counts.global - 1) << tenant;
      // Of several servers each forgets an instance by itself.
      return (counts.global == 1 && !counts.by_gateway.contains("gw-2")) || HasFailure();
    }));
    const ConnectionCounts counts = count(tenant);
    EXPECT_EQ(counts.per_user, (std::map<std::string, size_t>{{"bob", 1}}));
    EXPECT_EQ(counts.by_gateway, (std::map<std::string, size_t>{{"gw-1", 1}}));
  }
}

TEST_P(RegistryCluster, ManyQuestionsCostFewCommands) {
  begin();
  const auto other = start(GetParam(), "gw-2");
  for (uint32_t i = 0; i < 300; ++i) {
    const std::string user = "user" + std::to_string(i);
    other->registry().add(test_connection(shared_session(user, user), i), {}, [](Result<void>) {});
  }
  EXPECT_TRUE(until([&] { return count("", false).global == 300; }));
  const uint64_t before = instance_->engine().stats().commands_total;
  EXPECT_EQ(select(ByChannel{0}).size(), 300u);
  EXPECT_EQ(count().per_user.size(), 300u);
  std::vector<Slot<ConnectionCounts>> counts;
  std::vector<Slot<Records>> lists;
  for (int i = 0; i < 100; ++i) {
    counts.push_back(slot<ConnectionCounts>());
    registry().count("", true, into<ConnectionCounts>(counts.back()));
    lists.push_back(slot<Records>());
    registry().select(ByChannel{0}, into<Records>(lists.back()));
  }
  ASSERT_TRUE(all_answered(counts) && all_answered(lists));
  for (const auto& answer : counts) EXPECT_EQ((*answer)->value().global, 300u);
  for (const auto& answer : lists) EXPECT_EQ((*answer)->value().size(), 300u);
  // A lease, probes and renewals go on meanwhile.
  EXPECT_LT(instance_->engine().stats().commands_total - before, 60u);
}

TEST_P(RegistryCluster, ListsAndDisconnectsThoseElsewhere) {
  begin();
  const auto other = start(GetParam(), "gw-2");
  const auto evicted = watch_evictions(registry()), evicted_there = watch_evictions(other->registry());
  const auto session = shared_session("s", "ann");
  add_to(*instance_, tab(session, 1, "tab-1"));
  add_to(*other, tab(session, 2, "tab-2"));
  const auto page = ask<ConnectionPage>(
      [&](Done<ConnectionPage> done) { registry().list({.user_id = "ann"}, std::move(done)); });
  ASSERT_TRUE(page);
  ASSERT_EQ(page->records.size(), 2u);
  EXPECT_EQ(page->after, "");
  const auto told = ask<size_t>([&](Done<size_t> done) {
    registry().disconnect(page->records, disconnect::kByOperator[0], std::move(done));
  });
  ASSERT_TRUE(told);
  EXPECT_EQ(*told, 2u);
  EXPECT_EQ(*evicted, (Evicted{{1, 1012}}));
  EXPECT_TRUE(until([&] { return *evicted_there == Evicted{{2, 1012}}; }));
  EXPECT_TRUE(soon({}, ByUser{"ann"}));
}

}  // namespace
}  // namespace gw
