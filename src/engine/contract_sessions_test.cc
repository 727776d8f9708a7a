// What a session store promises, on both engines.
#include "core/session_store.h"

#include "engine/contract_testing.h"

namespace gw {
namespace {

class SessionContract : public EngineContract {
 protected:
  Result<SessionPtr> insert(const Session& session) {
    return ask<SessionPtr>([&](Done<SessionPtr> done) { sessions().insert(session, std::move(done)); });
  }
  Result<SessionPtr> find(const std::string& id) {
    return ask<SessionPtr>([&](Done<SessionPtr> done) { sessions().find(sha256(id), std::move(done)); });
  }
  Result<SessionPtr> update(const std::string& id, const SessionStore::Edit& edit) {
    return ask<SessionPtr>(
        [&](Done<SessionPtr> done) { sessions().update(sha256(id), edit, std::move(done)); });
  }
  static std::string error_of(const Result<SessionPtr>& result) {
    return result ? "none" : to_string(result.error().code);
  }
  static void expect_same(const Session& a, const Session& b) {
    EXPECT_EQ(a.key, b.key);
    EXPECT_EQ(a.ref, b.ref);
    EXPECT_EQ(a.user_id, b.user_id);
    EXPECT_EQ(a.type, b.type);
    EXPECT_EQ(a.tenant_id, b.tenant_id);
    EXPECT_EQ(a.context_json, b.context_json);
    EXPECT_EQ(a.channels, b.channels);
    EXPECT_EQ(a.status, b.status);
    EXPECT_EQ(a.created_at, b.created_at);
    EXPECT_EQ(a.expires_at, b.expires_at);
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, SessionContract, testing::ValuesIn(kEngines), name_of);

TEST_P(SessionContract, FindsASessionAsItWasInserted) {
  begin();
  Session plain = test_session("plain", "ann");
  Session odd = test_session("odd", "b.o+b@example=1", "red");
  odd.type = "cli";
  odd.context_json = "{ \"a\" : [1.0e5, \"\\u0000 é😀\"],\"tenant_id\":\"red\", \"a\":2 }";
  odd.channels = ChannelSet();
  odd.channels.add(1);
  odd.status = SessionStatus::suspended;
  Session narrow = test_session("narrow", "ann");
  narrow.channels = ChannelSet();
  for (const Session& session : {plain, odd, narrow}) {
    const auto inserted = insert(session);
    ASSERT_TRUE(inserted);
    expect_same(**inserted, session);
  }
  expect_same(**find("plain"), plain);
  expect_same(**find("odd"), odd);
  expect_same(**find("narrow"), narrow);
}

TEST_P(SessionContract, SaysWhoseSessionHasNotChangedSince) {
  begin();
  ASSERT_TRUE(insert(test_session("s", "ann")));
  ASSERT_TRUE(insert(test_session("t", "ann")));
  const auto is_unchanged = [&](const std::string& id, WallTime then) {
    return sessions().is_unchanged_since(sha256(id), then);
  };
  ASSERT_TRUE(until([&] { return is_unchanged("s", wall_now()); }));
  EXPECT_FALSE(is_unchanged("s", wall_now() - 1h)) << "nobody listened then";
  auto suspend = [](const Session& current) -> Result<Session> {
    Session changed = current;
    changed.status = SessionStatus::suspended;
    return changed;
  };
  std::optional<bool> was_unchanged;
  sessions().update(sha256("s"), suspend,
                    [&](const Result<SessionPtr>&) { was_unchanged = is_unchanged("s", wall_now()); });
  ASSERT_TRUE(until([&] { return was_unchanged.has_value(); }));
  EXPECT_FALSE(*was_unchanged) << "whoever changes it is told when that holds here";
  EXPECT_TRUE(is_unchanged("t", wall_now()));
}

TEST_P(SessionContract, RefusesATakenKeyAndAnUnknownOne) {
  begin();
  Session ended = test_session("s", "ann");
  ended.status = SessionStatus::inactive;
  EXPECT_EQ(error_of(insert(ended)), "none");
  EXPECT_EQ(error_of(insert(test_session("s", "bob"))), "already_exists");
  EXPECT_EQ((*find("s"))->user_id, "ann");
  EXPECT_EQ(error_of(find("t")), "not_found");
  EXPECT_EQ(error_of(update("t", [](const Session& s) { return s; })), "not_found");
}

TEST_P(SessionContract, OfManyWhoInsertTheSameKeyOneWins) {
  begin();
  std::vector<Slot<SessionPtr>> answers;
  for (int i = 0; i < 5; ++i) {
    answers.push_back(slot<SessionPtr>());
    sessions().insert(test_session("s", "user" + std::to_string(i)), into<SessionPtr>(answers.back()));
  }
  ASSERT_TRUE(until([&] { return answers.back()->has_value(); }));
  EXPECT_EQ(error_of(**answers[0]), "none");
  for (size_t i = 1; i < answers.size(); ++i) EXPECT_EQ(error_of(**answers[i]), "already_exists");
  EXPECT_EQ((*find("s"))->user_id, "user0");
}

// Where a limit is not divided.
class SessionBounds : public SessionContract {};

INSTANTIATE_TEST_SUITE_P(Engines, SessionBounds, testing::ValuesIn(kUndividedEngines), name_of);

TEST_P(SessionBounds, EndedSessionsGoFirstWhenThereAreTooMany) {
  limits_.sessions.sessions_max = 3;
  begin();
  const auto ended = [](const std::string& id, Duration ago) {
    Session session = test_session(id, "ann");
    session.expires_at = wall_now() - std::chrono::duration_cast<std::chrono::milliseconds>(ago);
    return session;
  };
  insert(ended("second", 5s));
  insert(test_session("lives", "ann"));
  insert(ended("first", 10s));
  EXPECT_EQ(error_of(insert(test_session("a", "ann"))), "none");
  EXPECT_EQ(error_of(find("first")), "not_found");
  EXPECT_EQ(error_of(find("second")), "none");
  EXPECT_EQ(error_of(insert(test_session("b", "ann"))), "none");
  EXPECT_EQ(error_of(insert(test_session("c", "ann"))), "resource_exhausted");
  EXPECT_EQ(error_of(insert(test_session("a", "ann"))), "already_exists");
  for (const char* id : {"lives", "a", "b"}) EXPECT_EQ(error_of(find(id)), "none") << id;
  // One that ends makes room at once.
  update("a", [](const Session& before) -> Result<Session> {
    Session after = before;
    after.status = SessionStatus::inactive;
    after.expires_at = wall_now() - 1s;  // the loop's clock may stand a moment behind
    return after;
  });
  EXPECT_EQ(error_of(insert(test_session("c", "ann"))), "none");
  EXPECT_EQ(error_of(find("a")), "not_found");
}

TEST_P(SessionBounds, ATenantHasABoundOfItsOwn) {
  limits_.sessions.sessions_max = 5;
  limits_.sessions.tenant_sessions_max = 2;
  begin();
  EXPECT_EQ(error_of(insert(test_session("r1", "ann", "red"))), "none");
  EXPECT_EQ(error_of(insert(test_session("r2", "bob", "red"))), "none");
  EXPECT_EQ(error_of(insert(test_session("r3", "ann", "red"))), "resource_exhausted");
  EXPECT_EQ(error_of(insert(test_session("b1", "ann", "blue"))), "none");
  EXPECT_EQ(error_of(insert(test_session("n1", "ann"))), "none");
  EXPECT_EQ(error_of(insert(test_session("n2", "ann"))), "none");
  EXPECT_EQ(error_of(insert(test_session("n3", "ann"))), "resource_exhausted");
  update("r1", [](const Session& before) -> Result<Session> {
    Session after = before;
    after.expires_at = wall_now() - 1s;
    return after;
  });
  EXPECT_EQ(error_of(insert(test_session("r3", "ann", "red"))), "none");
  EXPECT_EQ(error_of(find("r1")), "not_found");
  EXPECT_EQ(error_of(insert(test_session("r4", "ann", "red"))), "resource_exhausted");
}

TEST_P(SessionContract, EditsAndTellsOfIt) {
  begin();
  const Session session = test_session("s", "ann");
  insert(session);
  EXPECT_TRUE(instance_->changed.empty());
  Session expected = session;
  expected.status = SessionStatus::suspended;
  expected.context_json = "{\"n\":1}";
  expected.tenant_id = "red";
  expected.expires_at = session.expires_at + 5s;
  const auto edited = update("s", [&](const Session& before) -> Result<Session> {
    expect_same(before, session);
    return expected;
  });
  ASSERT_TRUE(edited);
  expect_same(**edited, expected);
  expect_same(**find("s"), expected);
  ASSERT_TRUE(until([&] { return !instance_->changed.empty(); }));
  expect_same(*instance_->changed[0], expected);
}

TEST_P(SessionContract, ARefusedEditChangesNothing) {
  begin();
  const Session session = test_session("s", "ann");
  insert(session);
  const auto refused = update("s", [](const Session&) -> Result<Session> {
    return Error{Errc::failed_precondition, "no"};
  });
  EXPECT_EQ(error_of(refused), "failed_precondition");
  expect_same(**find("s"), session);
  settle(*instance_);
  EXPECT_TRUE(instance_->changed.empty());
}

TEST_P(SessionContract, LosesNoneOfSeveralEditsAtOnce) {
  begin();
  insert(test_session("s", "ann"));
  std::vector<Slot<SessionPtr>> answers;
  for (int i = 0; i < 4; ++i) {
    answers.push_back(slot<SessionPtr>());
    sessions().update(
        sha256("s"),
        [i](const Session& before) -> Result<Session> {
          Session after = before;
          after.context_json += std::to_string(i);
          return after;
        },
        into<SessionPtr>(answers.back()));
  }
  ASSERT_TRUE(all_answered(answers));
  for (const auto& answer : answers) EXPECT_EQ(error_of(**answer), "none");
  std::string letters = (*find("s"))->context_json;
  std::sort(letters.begin(), letters.end());
  EXPECT_EQ(letters, "0123{}");
}

TEST_P(SessionContract, AnEndedSessionCanStillBeRead) {
  begin();
  Session session = test_session("s", "ann");
  session.created_at = wall_now() - 10s;
  session.expires_at = wall_now() - 5s;
  insert(session);
  const auto found = find("s");
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->status, SessionStatus::active);
  EXPECT_EQ((*found)->status_at(wall_now()), SessionStatus::expired);
}

}  // namespace
}  // namespace gw
