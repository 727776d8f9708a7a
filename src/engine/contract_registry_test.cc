// What a registry promises of one instance's connections, on both engines.
#include "core/registry.h"

#include "engine/contract_testing.h"

namespace gw {
namespace {

using Records = std::vector<ConnectionRecord>;

class RegistryContract : public EngineContract {
 protected:
  // added, or the error's name.
  std::string add(const ConnectionRecord& record, const AdmissionLimits& limits = {}) {
    const auto added = ask<void>([&](Done<void> done) { registry().add(record, limits, std::move(done)); });
    return added ? "added" : to_string(added.error().code);
  }
  std::optional<ConnectionRecord> find(const ConnectionId& id) {
    auto found = ask<std::optional<ConnectionRecord>>(
        [&](Done<std::optional<ConnectionRecord>> done) { registry().find(id, std::move(done)); });
    EXPECT_TRUE(found);
    return found ? *found : std::nullopt;
  }
  // Which connections, in the order of their slots.
  std::vector<uint32_t> select(const Selector& selector) {
    const auto found =
        ask<Records>([&](Done<Records> done) { registry().select(selector, std::move(done)); });
    EXPECT_TRUE(found);
    return found ? slots(*found) : std::vector<uint32_t>{999};
  }
  std::vector<uint32_t> select_local(const Selector& selector) {
    return slots(registry().select_local(selector));
  }
  static std::vector<uint32_t> slots(const Records& records) {
    std::vector<uint32_t> out;
    for (const ConnectionRecord& record : records) out.push_back(record.handle.slot);
    std::sort(out.begin(), out.end());
    return out;
  }
  ConnectionCounts count(const std::string& tenant = "", bool per_user = true) {
    auto counts = ask<ConnectionCounts>(
        [&](Done<ConnectionCounts> done) { registry().count(tenant, per_user, std::move(done)); });
    EXPECT_TRUE(counts);
    return counts ? *counts : ConnectionCounts();
  }
  // Counts come from the engine, where a change may show a little later.
  bool soon(const ConnectionCounts& expected, const std::string& tenant = "") {
    return until([&] {
      const ConnectionCounts counts = count(tenant);
      return counts.global == expected.global && counts.per_user == expected.per_user &&
             counts.by_channel == expected.by_channel && counts.by_gateway == expected.by_gateway;
    });
  }
  bool soon(const std::vector<uint32_t>& expected, const Selector& selector) {
    return until([&] { return select(selector) == expected; });
  }
  static ConnectionRecord tab(const SessionPtr& session, uint32_t slot, const std::string& client_id) {
    ConnectionRecord record = test_connection(session, slot);
    record.client_id = client_id;
    return record;
  }
  // Slot and close code of who gave way, in order.
  using Evicted = std::vector<std::pair<uint32_t, int>>;
  std::shared_ptr<Evicted> watch_evictions(Registry& registry) {
    auto evicted = std::make_shared<Evicted>();
    registry.on_evicted([evicted](const ConnectionHandle& handle, const Disconnect& why) {
      evicted->emplace_back(handle.slot, why.code);
    });
    return evicted;
  }
  void owes_pong(const ConnectionRecord& record, Duration since) {
    ConnectionChange change{record.channel, record.channels, record.last_activity, record.last_heartbeat};
    change.pong_owed_since = wall_now() - std::chrono::duration_cast<std::chrono::milliseconds>(since);
    registry().update(record.id, change);
  }
};

using Slots = std::vector<uint32_t>;

INSTANTIATE_TEST_SUITE_P(Engines, RegistryContract,
                         testing::Values(EngineUnderTest::memory, EngineUnderTest::redis), name_of);

TEST_P(RegistryContract, FindsAConnectionAsItWasAdded) {
  begin();
  ConnectionRecord record = test_connection(shared_session("s", "ann", "red"), 7);
  record.channel = 1;
  record.channels.add(1);
  EXPECT_EQ(add(record), "added");
  const auto found = find(record.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, record.id);
  EXPECT_EQ(found->session, record.session);
  EXPECT_EQ(found->gateway, "");
  EXPECT_EQ(found->handle, record.handle);
  EXPECT_EQ(found->channel, 1);
  EXPECT_EQ(found->channels, record.channels);
  EXPECT_EQ(found->connected_at, record.connected_at);
  EXPECT_FALSE(find(ConnectionId::make()));
}

TEST_P(RegistryContract, SelectsBySessionUserAndChannel) {
  begin();
  const auto ann = shared_session("a", "ann"), ann2 = shared_session("a2", "ann"),
             bob = shared_session("b", "bob");
  add(test_connection(ann, 1));
  add(test_connection(ann, 2));
  add(test_connection(ann2, 3));
  ConnectionRecord on_content = test_connection(bob, 4);
  on_content.channels.add(1);
  add(on_content);
  add(test_connection(nullptr, 5));
  const std::vector<std::pair<Selector, Slots>> cases{{BySession{"ref-a"}, {1, 2}},
                                                      {BySession{"ref-a2"}, {3}},
                                                      {BySession{"ref-none"}, {}},
                                                      {ByUser{"ann"}, {1, 2, 3}},
                                                      {ByUser{"bob"}, {4}},
                                                      {ByUser{"none"}, {}},
                                                      {ByChannel{1}, {4}},
                                                      {ByChannel{0}, {1, 2, 3, 4, 5}},
                                                      {ByChannel{2}, {}}};
  for (const auto& [selector, expected] : cases) {
    EXPECT_EQ(select_local(selector), expected);
    EXPECT_EQ(select(selector), expected);
  }
}

TEST_P(RegistryContract, LimitsTheConnectionsOfAUser) {
  begin();
  const AdmissionLimits two{.per_user = 2, .total = 100};
  const ConnectionRecord first = test_connection(shared_session("a", "ann"), 1);
  EXPECT_EQ(add(first, two), "added");
  EXPECT_EQ(add(test_connection(shared_session("a2", "ann"), 2), two), "added");
  const ConnectionRecord third = test_connection(shared_session("a3", "ann"), 3);
  EXPECT_EQ(add(third, two), "resource_exhausted");
  EXPECT_FALSE(find(third.id));
  EXPECT_EQ(add(test_connection(shared_session("b", "bob"), 4), two), "added");
  // Anonymous ones are nobody's.
  for (uint32_t slot = 5; slot < 8; ++slot) EXPECT_EQ(add(test_connection(nullptr, slot), two), "added");
  registry().remove(first.id, 1000);
  EXPECT_EQ(add(third, two), "added");
  EXPECT_EQ(add(test_connection(shared_session("a", "ann"), 8), {.per_user = 0, .total = 100}), "added");
}

TEST_P(RegistryContract, LimitsAUserAlsoWhenAllComeAtOnce) {
  begin();
  std::vector<Slot<void>> answers;
  for (uint32_t i = 0; i < 10; ++i) {
    answers.push_back(slot<void>());
    registry().add(test_connection(shared_session("a" + std::to_string(i), "ann"), i),
                   {.per_user = 3, .total = 100}, into<void>(answers.back()));
  }
  ASSERT_TRUE(all_answered(answers));
  EXPECT_EQ(std::count_if(answers.begin(), answers.end(), [](const auto& a) { return (*a)->has_value(); }),
            3);
  EXPECT_EQ(select(ByUser{"ann"}).size(), 3u);
}

TEST_P(RegistryContract, LimitsTheInstance) {
  begin();
  const AdmissionLimits two{.per_user = 5, .total = 2};
  std::vector<Slot<void>> answers;
  for (uint32_t i = 0; i < 3; ++i) {
    answers.push_back(slot<void>());
    registry().add(test_connection(nullptr, i), two, into<void>(answers.back()));
  }
  ASSERT_TRUE(all_answered(answers));
  EXPECT_TRUE(**answers[0]);
  EXPECT_TRUE(**answers[1]);
  ASSERT_FALSE(**answers[2]);
  EXPECT_EQ((**answers[2]).error().code, Errc::failed_precondition);
  EXPECT_EQ(select(ByChannel{0}), (Slots{0, 1}));
}

TEST_P(RegistryContract, ShowsWhatChanges) {
  begin();
  const ConnectionRecord record = test_connection(shared_session("a", "ann"), 1);
  add(record);
  ConnectionChange change{2, {}, record.connected_at + 5s, record.connected_at + 7s};
  change.channels.add(1);
  change.channels.add(2);
  registry().update(record.id, change);
  const auto found = find(record.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->channel, 2);
  EXPECT_EQ(found->channels, change.channels);
  EXPECT_EQ(found->last_activity, change.last_activity);
  EXPECT_EQ(found->last_heartbeat, change.last_heartbeat);
  EXPECT_EQ(select_local(ByChannel{0}), Slots{});
  EXPECT_TRUE(soon(Slots{}, ByChannel{0}));
  EXPECT_TRUE(soon({1}, ByChannel{1}));
  EXPECT_TRUE(soon({1}, ByChannel{2}));
  EXPECT_TRUE(
      soon({1, {{"ann", 1}}, {{"guide", 0}, {"pillar:content", 1}, {"pillar:insights", 1}}, {{"gw-1", 1}}}));
}

TEST_P(RegistryContract, AUsersLimitIsItsTenantsAlone) {
  begin();
  const auto red = shared_session("r", "ann", "red"), blue = shared_session("b", "ann", "blue"),
             none = shared_session("n", "ann");
  const AdmissionLimits limits{.per_user = 2, .total = 100};
  for (const SessionPtr& session : {red, blue, none}) {
    const ConnectionRecord first = test_connection(session);
    EXPECT_EQ(add(first, limits), "added") << session->tenant_id;
    EXPECT_EQ(add(test_connection(session), limits), "added");
    EXPECT_EQ(add(test_connection(session), limits), "resource_exhausted");
    registry().remove(first.id, 1000);
    EXPECT_EQ(add(test_connection(session), limits), "added");
    EXPECT_EQ(add(test_connection(session), limits), "resource_exhausted");
  }
  EXPECT_EQ(select(ByUser{"ann"}).size(), 6u);
}

constexpr AdmissionLimits kTwo{.per_user = 2, .total = 100};

TEST_P(RegistryContract, AtTheLimitTheSameClientOfTheSessionGivesWay) {
  begin();
  const auto evicted = watch_evictions(registry());
  const auto session = shared_session("s", "ann");
  add(tab(session, 1, "tab-1"), kTwo);
  add(tab(session, 2, "tab-2"), kTwo);
  EXPECT_EQ(add(tab(session, 3, "tab-3"), kTwo), "resource_exhausted");
  EXPECT_EQ(add(tab(session, 4, ""), kTwo), "resource_exhausted");
  EXPECT_EQ(add(tab(shared_session("t", "ann"), 5, "tab-2"), kTwo), "resource_exhausted");
  EXPECT_EQ(*evicted, Evicted{});
  EXPECT_EQ(add(tab(session, 6, "tab-2"), kTwo), "added");
  EXPECT_EQ(*evicted, (Evicted{{2, 4010}}));
  EXPECT_EQ(select(ByUser{"ann"}), (Slots{1, 6}));
  EXPECT_EQ(count().per_user, (std::map<std::string, size_t>{{"ann", 2}}));
}

TEST_P(RegistryContract, BelowTheLimitNobodyGivesWay) {
  begin();
  const auto evicted = watch_evictions(registry());
  const auto session = shared_session("s", "ann"), blue = shared_session("b", "ann", "blue");
  add(tab(session, 1, "tab"), kTwo);
  add(tab(blue, 2, "tab"), kTwo);
  EXPECT_EQ(add(tab(session, 3, "tab"), kTwo), "added");
  EXPECT_EQ(add(tab(blue, 4, "tab"), kTwo), "added");
  EXPECT_EQ(*evicted, Evicted{});
  EXPECT_EQ(select(ByUser{"ann"}), (Slots{1, 2, 3, 4}));
}

TEST_P(RegistryContract, AnonymousConnectionsHaveNoLimit) {
  begin();
  const auto evicted = watch_evictions(registry());
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(add(tab(nullptr, i, "tab"), kTwo), "added");
  EXPECT_EQ(*evicted, Evicted{});
}

TEST_P(RegistryContract, WhoOwesAPongTooLongGivesWay) {
  begin();
  const auto evicted = watch_evictions(registry());
  const auto session = shared_session("s", "ann");
  const ConnectionRecord lively = tab(session, 1, ""), silent = tab(session, 2, "");
  add(lively, kTwo);
  add(silent, kTwo);
  owes_pong(lively, 2s);
  owes_pong(silent, 11s);
  // A change reaches the engine a little later.
  EXPECT_TRUE(until([&] { return add(tab(session, 3, ""), kTwo) == "added"; }));
  EXPECT_EQ(*evicted, (Evicted{{2, 4009}}));
  registry().update(lively.id, {0, lively.channels, wall_now(), wall_now()});
  settle(*instance_);
  EXPECT_EQ(add(tab(session, 4, ""), kTwo), "resource_exhausted");
  EXPECT_EQ(select(ByUser{"ann"}), (Slots{1, 3}));
}

TEST_P(RegistryContract, TheSameClientGivesWayBeforeASilentOne) {
  begin();
  const auto evicted = watch_evictions(registry());
  const auto session = shared_session("s", "ann");
  const ConnectionRecord silent = tab(session, 1, "");
  add(silent, kTwo);
  owes_pong(silent, 1h);
  add(tab(session, 2, "tab"), kTwo);
  EXPECT_EQ(add(tab(session, 3, "tab"), kTwo), "added");
  EXPECT_EQ(*evicted, (Evicted{{2, 4010}}));
}

TEST_P(RegistryContract, AFreshSessionMovesTheConnection) {
  begin();
  const ConnectionRecord record = test_connection(shared_session("a", "ann"), 1);
  add(record);
  registry().replace_session(record.id, shared_session("fresh", "ann"));
  EXPECT_EQ(select_local(BySession{"ref-a"}), Slots{});
  EXPECT_EQ(select_local(BySession{"ref-fresh"}), Slots{1});
  EXPECT_TRUE(soon(Slots{}, BySession{"ref-a"}));
  EXPECT_TRUE(soon({1}, BySession{"ref-fresh"}));
  EXPECT_TRUE(soon({1}, ByUser{"ann"}));
  EXPECT_EQ(find(record.id)->session->ref, "ref-fresh");
  EXPECT_EQ(count().per_user, (std::map<std::string, size_t>{{"ann", 1}}));
}

TEST_P(RegistryContract, ForgetsAConnectionEverywhere) {
  begin();
  const ConnectionRecord record = test_connection(shared_session("a", "ann", "red"), 1);
  add(record);
  add(test_connection(shared_session("b", "bob"), 2));
  registry().remove(record.id, 1001);
  registry().remove(record.id, 1001);  // nothing happens
  EXPECT_FALSE(find(record.id));
  EXPECT_EQ(select_local(ByUser{"ann"}), Slots{});
  EXPECT_EQ(select(ByUser{"ann"}), Slots{});
  EXPECT_EQ(select(BySession{"ref-a"}), Slots{});
  EXPECT_EQ(select(ByChannel{0}), Slots{2});
  EXPECT_TRUE(
      soon({1, {{"bob", 1}}, {{"guide", 1}, {"pillar:content", 0}, {"pillar:insights", 0}}, {{"gw-1", 1}}}));
  // And what is gone stays gone.
  registry().update(record.id, {0, record.channels, wall_now(), wall_now()});
  registry().replace_session(record.id, shared_session("fresh", "ann"));
  settle(*instance_);
  EXPECT_EQ(select(ByUser{"ann"}), Slots{});
  EXPECT_FALSE(find(record.id));
}

TEST_P(RegistryContract, Counts) {
  begin();
  const std::map<std::string, size_t> none{{"guide", 0}, {"pillar:content", 0}, {"pillar:insights", 0}};
  EXPECT_TRUE(soon({0, {}, none, {{"gw-1", 0}}}));
  add(test_connection(shared_session("a", "ann", "red"), 1));
  add(test_connection(shared_session("a2", "ann", "red"), 2));
  ConnectionRecord bob = test_connection(shared_session("b", "bob", "blue"), 3);
  bob.channels.add(2);
  add(bob);
  add(test_connection(nullptr, 4));
  EXPECT_TRUE(soon({4,
                    {{"ann", 2}, {"bob", 1}},
                    {{"guide", 4}, {"pillar:content", 0}, {"pillar:insights", 1}},
                    {{"gw-1", 4}}}));
  EXPECT_TRUE(
      soon({2, {{"ann", 2}}, {{"guide", 2}, {"pillar:content", 0}, {"pillar:insights", 0}}, {{"gw-1", 2}}},
           "red"));
  EXPECT_TRUE(soon({0, {}, none, {{"gw-1", 0}}}, "green"));
  EXPECT_TRUE(count("", false).per_user.empty());
  EXPECT_TRUE(count("red", false).per_user.empty());
}

// What a user's connections on several instances are to each other.
class RegistryCluster : public RegistryContract {
 protected:
  std::string add_to(TestInstance& instance, const ConnectionRecord& record) {
    const auto added =
        ask<void>([&](Done<void> done) { instance.registry().add(record, kTwo, std::move(done)); });
    return added ? "added" : to_string(added.error().code);
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, RegistryCluster, testing::Values(EngineUnderTest::redis), name_of);

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
      return counts.global == 1 || HasFailure();
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

}  // namespace
}  // namespace gw
