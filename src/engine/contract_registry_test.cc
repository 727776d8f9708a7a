// What a registry promises of one instance's connections, on both engines.
#include "engine/contract_registry_testing.h"

namespace gw {
namespace {

INSTANTIATE_TEST_SUITE_P(Engines, RegistryContract, testing::ValuesIn(kEngines), name_of);

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

TEST_P(RegistryContract, OneThatHadNoSessionBecomesAUsersWithinHisLimit) {
  begin();
  const auto ann = shared_session("a", "ann", "red");
  const ConnectionRecord first = test_connection(nullptr, 1), second = test_connection(nullptr, 2),
                         third = test_connection(nullptr, 3);
  for (const ConnectionRecord& record : {first, second, third}) EXPECT_EQ(add(record), "added");
  ConnectionChange change{1, {}, first.last_activity, first.last_heartbeat};
  change.channels.add(1);
  registry().update(first.id, change);
  EXPECT_EQ(identify(first.id, ann, kTwo), "identified");
  EXPECT_EQ(identify(second.id, ann, kTwo), "identified");
  EXPECT_EQ(identify(third.id, ann, kTwo), "resource_exhausted");
  EXPECT_EQ(identify(ConnectionId::make(), ann, kTwo), "not_found");
  EXPECT_EQ(find(first.id)->session, ann);
  EXPECT_EQ(find(third.id)->session, nullptr);
  EXPECT_TRUE(soon(Slots{1, 2}, ByUser{"ann"}));
  EXPECT_TRUE(soon(Slots{1}, ByChannel{1}));
  EXPECT_TRUE(soon(Slots{2, 3}, ByChannel{0}));
  EXPECT_EQ(add(test_connection(ann, 4), kTwo), "resource_exhausted");
  for (const ConnectionRecord& record : {first, second, third}) registry().remove(record.id, 1000);
  EXPECT_TRUE(until([&] {
    const ConnectionCounts counts = count();
    return counts.global == 0 && counts.per_user.empty();
  }));
}

TEST_P(RegistryContract, OneThatSaysWhoItIsTakesThePlaceOfItself) {
  begin();
  const auto evicted = watch_evictions(registry());
  const auto ann = shared_session("a", "ann");
  add(tab(ann, 1, "tab"));
  add(tab(ann, 2, "other"));
  const ConnectionRecord late = tab(nullptr, 3, "tab");
  add(late);
  EXPECT_EQ(identify(late.id, ann, kTwo), "identified");
  EXPECT_EQ(*evicted, (Evicted{{1, disconnect::replaced.code}}));
  EXPECT_TRUE(soon(Slots{2, 3}, BySession{"ref-a"}));
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

}  // namespace
}  // namespace gw
