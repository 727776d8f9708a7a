// What the lists of connections and sessions promise, on both engines: who is there from the first page to
// the last is in exactly one of them, whatever comes and goes meanwhile.
#include <map>

#include "core/list.h"
#include "engine/contract_registry_testing.h"

namespace gw {
namespace {

class ListContract : public RegistryContract {
 protected:
  Result<ConnectionPage> connections(const ConnectionFilter& filter) {
    return ask<ConnectionPage>([&](Done<ConnectionPage> done) { registry().list(filter, std::move(done)); });
  }
  // The slots of all pages; `between` runs after each.
  Slots all_connections(
      ConnectionFilter filter, const std::function<void()>& between = [] {}) {
    Records found;
    do {
      const auto page = connections(filter);
      EXPECT_TRUE(page) << (page ? "" : page.error().detail);
      if (!page) break;
      EXPECT_LE(page->records.size(), filter.limit);
      found.insert(found.end(), page->records.begin(), page->records.end());
      filter.after = page->after;
      between();
    } while (!filter.after.empty());
    return slots(found);
  }
  Result<SessionPage> sessions_of(const SessionFilter& filter) {
    return ask<SessionPage>([&](Done<SessionPage> done) { sessions().list(filter, std::move(done)); });
  }
  Texts all_sessions(
      SessionFilter filter, const std::function<void()>& between = [] {}) {
    Texts refs;
    do {
      const auto page = sessions_of(filter);
      EXPECT_TRUE(page) << (page ? "" : page.error().detail);
      if (!page) break;
      EXPECT_LE(page->sessions.size(), filter.limit);
      for (const SessionPtr& session : page->sessions) refs.push_back(session->ref);
      filter.after = page->after;
      between();
    } while (!filter.after.empty());
    return refs;
  }
  void insert(const std::string& id, const std::string& user, const std::string& tenant = "") {
    insert(test_session(id, user, tenant));
  }
  // Each later than the one before: of one millisecond several partitions have no order.
  void insert(Session session) {
    session.created_at += std::chrono::milliseconds(++inserted_);
    EXPECT_TRUE(ask<SessionPtr>(
        [&](Done<SessionPtr> done) { sessions().insert(std::move(session), std::move(done)); }));
  }
  void change(const std::string& id, const std::function<void(Session&)>& edit) {
    EXPECT_TRUE(ask<SessionPtr>([&](Done<SessionPtr> done) {
      sessions().update(
          sha256(id),
          [edit](const Session& session) -> Result<Session> {
            Session changed = session;
            edit(changed);
            return changed;
          },
          std::move(done));
    }));
  }
  size_t disconnect(const Records& records) {
    const auto told = ask<size_t>([&](Done<size_t> done) {
      registry().disconnect(records, disconnect::kByOperator[2], std::move(done));
    });
    EXPECT_TRUE(told);
    return told ? *told : 999;
  }

 private:
  int inserted_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Engines, ListContract, testing::ValuesIn(kEngines), name_of);

// --- Connections -------------------------------------------------------------------------------------------

TEST_P(ListContract, ShowsTheConnectionsThatAreAskedFor) {
  begin();
  const auto ann = shared_session("a", "ann", "red"), ann2 = shared_session("a2", "ann"),
             bob = shared_session("b", "bob", "red");
  add(test_connection(ann, 1));
  add(test_connection(ann, 2));
  add(test_connection(ann2, 3));
  ConnectionRecord on_content = test_connection(bob, 4);
  on_content.channels.add(1);
  add(on_content);
  add(test_connection(nullptr, 5));
  using Filter = ConnectionFilter;
  const std::vector<std::pair<Filter, Slots>> cases{
      {Filter{}, {1, 2, 3, 4, 5}},
      {Filter{.tenant_id = "red"}, {1, 2, 4}},
      {Filter{.tenant_id = "blue"}, {}},
      {Filter{.user_id = "ann"}, {1, 2, 3}},
      {Filter{.tenant_id = "red", .user_id = "ann"}, {1, 2}},
      {Filter{.session_ref = "ref-a2"}, {3}},
      {Filter{.user_id = "bob", .session_ref = "ref-a2"}, {}},
      {Filter{.gateway = "gw-1"}, {1, 2, 3, 4, 5}},
      {Filter{.gateway = "gw-2"}, {}},
      {Filter{.channel = 1}, {4}},
      {Filter{.tenant_id = "red", .channel = 0}, {1, 2, 4}},
      {Filter{.channel = 2}, {}},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    for (const size_t limit : {1u, 2u, 100u}) {
      Filter filter = cases[i].first;
      filter.limit = limit;
      EXPECT_EQ(all_connections(filter), cases[i].second) << i;
    }
  }
}

TEST_P(ListContract, WhoStaysIsListedOnceWhateverComesAndGoes) {
  begin();
  const auto stays = shared_session("stays", "ann");
  Slots staying;
  std::vector<ConnectionRecord> leaving;
  for (uint32_t slot = 0; slot < 40; ++slot) {
    const ConnectionRecord record = test_connection(slot % 2 ? stays : shared_session("goes", "bob"), slot);
    add(record, {.per_user = 0, .total = 1000});
    slot % 2 ? staying.push_back(slot) : leaving.push_back(record);
  }
  const auto fresh = shared_session("fresh", "ann");
  uint32_t next = 1000;
  // One goes and two come for each page; those who stay are given another session meanwhile.
  const auto churn = [&] {
    if (!leaving.empty()) {
      registry().remove(leaving.back().id, 1000);
      leaving.pop_back();
    }
    for (int i = 0; i < 2 && next < 1060; ++i) {
      add(test_connection(shared_session("new", "bob"), next++), {.per_user = 0, .total = 1000});
    }
    for (const ConnectionRecord& record : registry().select_local(BySession{"ref-stays"})) {
      registry().replace_session(record.id, fresh);
      break;
    }
  };
  const Slots listed = all_connections({.limit = 3}, churn);
  std::map<uint32_t, int> times;
  for (const uint32_t slot : listed) ++times[slot];
  for (const uint32_t slot : staying) EXPECT_EQ(times[slot], 1) << slot;
  for (const auto& [slot, count] : times) EXPECT_EQ(count, 1) << slot;
}

// More than one step looks at: a page is short, and says where it goes on.
TEST_P(ListContract, LooksAtSoManyAtATime) {
  begin();
  std::vector<Slot<void>> answers;
  const auto many = shared_session("m", "many"), rare = shared_session("r", "rare");
  for (uint32_t slot_number = 0; slot_number < kListLooks + 20; ++slot_number) {
    ConnectionRecord record = test_connection(slot_number % 400 == 399 ? rare : many, slot_number);
    if (slot_number % 400 == 399) record.channels.add(1);
    answers.push_back(slot<void>());
    registry().add(std::move(record), {.per_user = 0, .total = 10'000}, into<void>(answers.back()));
  }
  ASSERT_TRUE(all_answered(answers));
  EXPECT_EQ(all_connections({.user_id = "rare", .limit = 100}), (Slots{399, 799}));
  EXPECT_EQ(all_connections({.gateway = "gw-1", .channel = 1, .limit = 100}), (Slots{399, 799}));
  EXPECT_EQ(all_connections({.user_id = "many", .limit = 500}).size(), kListLooks + 18);
  const auto first = connections({.user_id = "many", .channel = 1});
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->records.empty());
}

TEST_P(ListContract, RefusesAPlaceThatNoPageGave) {
  begin();
  const auto page = connections({.after = "nowhere"});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::invalid_argument);
  EXPECT_EQ(page.error().detail, kUnknownPlace);
  EXPECT_EQ(sessions_of({.after = "nowhere"}).error().code, Errc::invalid_argument);
}

TEST_P(ListContract, WhoIsDisconnectedIsGoneAndHasToClose) {
  begin();
  const auto evicted = watch_evictions(registry());
  const auto session = shared_session("a", "ann");
  const ConnectionRecord one = test_connection(session, 1), two = test_connection(session, 2),
                         stranger = test_connection(session, 9);
  add(one);
  add(two);
  EXPECT_EQ(disconnect({one, stranger}), 1u);
  EXPECT_EQ(*evicted, (Evicted{{1, 4010}}));
  EXPECT_FALSE(find(one.id));
  EXPECT_TRUE(soon({2}, ByUser{"ann"}));
  EXPECT_TRUE(until([&] { return all_connections({}) == Slots{2}; }));
  EXPECT_EQ(disconnect({}), 0u);
}

// --- Sessions ----------------------------------------------------------------------------------------------

TEST_P(ListContract, ShowsTheSessionsThatAreAskedForNewestFirst) {
  begin();
  insert("1", "ann", "red");
  insert("2", "bob", "red");
  insert("3", "ann");
  Session gone = test_session("4", "ann", "red");
  gone.expires_at = gone.created_at - 30min;  // not made earlier: that would be another place in the list
  insert(gone);
  insert("5", "o'brien");
  change("2", [](Session& session) { session.status = SessionStatus::suspended; });
  using Filter = SessionFilter;
  const std::vector<std::pair<Filter, Texts>> cases{
      {Filter{}, {"ref-5", "ref-4", "ref-3", "ref-2", "ref-1"}},
      {Filter{.tenant_id = "red"}, {"ref-4", "ref-2", "ref-1"}},
      {Filter{.tenant_id = "blue"}, {}},
      {Filter{.user_id = "ann"}, {"ref-4", "ref-3", "ref-1"}},
      {Filter{.user_id = "o'brien"}, {"ref-5"}},
      {Filter{.user_id = "nobody"}, {}},
      {Filter{.tenant_id = "red", .user_id = "ann"}, {"ref-4", "ref-1"}},
      {Filter{.status = SessionStatus::suspended}, {"ref-2"}},
      {Filter{.status = SessionStatus::expired}, {"ref-4"}},
      {Filter{.user_id = "ann", .status = SessionStatus::active}, {"ref-3", "ref-1"}},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    for (const size_t limit : {1u, 2u, 100u}) {
      Filter filter = cases[i].first;
      filter.limit = limit;
      EXPECT_EQ(all_sessions(filter), cases[i].second) << i;
    }
  }
}

TEST_P(ListContract, ASessionKeepsItsPlaceWhateverComesAndChanges) {
  begin();
  for (int i = 0; i < 20; ++i) insert("s" + std::to_string(i), i % 2 ? "ann" : "bob", "red");
  int changes = 0, added = 0;
  const auto churn = [&] {
    insert("new" + std::to_string(added++), "ann", "red");
    change("s" + std::to_string(changes++ % 20), [](Session& session) { session.expires_at += 10min; });
  };
  for (const SessionFilter& filter :
       {SessionFilter{.limit = 3}, SessionFilter{.tenant_id = "red", .limit = 3}}) {
    Texts listed = all_sessions(filter, churn);
    listed.erase(std::remove_if(listed.begin(), listed.end(),
                                [](const std::string& ref) { return ref.starts_with("ref-new"); }),
                 listed.end());
    Texts expected;
    for (int i = 19; i >= 0; --i) expected.push_back("ref-s" + std::to_string(i));
    EXPECT_EQ(listed, expected);
  }
}

// Where a limit is not divided.
class ListBounds : public ListContract {};

INSTANTIATE_TEST_SUITE_P(Engines, ListBounds, testing::ValuesIn(kUndividedEngines), name_of);

TEST_P(ListBounds, WhatMakesRoomIsNoLongerListed) {
  limits_.sessions.sessions_max = 2;
  begin();
  insert("1", "ann", "red");
  insert("2", "ann");
  change("1", [](Session& session) {
    session.status = SessionStatus::inactive;
    session.expires_at = session.created_at - 1s;
  });
  insert("3", "bob");
  EXPECT_EQ(all_sessions({}), (Texts{"ref-3", "ref-2"}));
  EXPECT_EQ(all_sessions({.user_id = "ann"}), (Texts{"ref-2"}));
  EXPECT_EQ(all_sessions({.tenant_id = "red"}), Texts{});
}

TEST_P(ListContract, ASessionIsFoundByItsPublicReference) {
  begin();
  insert("1", "ann");
  const auto key_of = [&](const std::string& ref) {
    return ask<SessionKey>([&](Done<SessionKey> done) { sessions().find_key(ref, std::move(done)); });
  };
  const auto key = key_of("ref-1");
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, sha256("1"));
  EXPECT_EQ(key_of("ref-2").error().code, Errc::not_found);
}

}  // namespace
}  // namespace gw
