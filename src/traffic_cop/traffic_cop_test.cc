// Against a store written in ten lines: the layer may not know an engine.
#include "traffic_cop/traffic_cop.h"

#include <gtest/gtest.h>

#include <unordered_map>

#include "base/digest.h"

namespace gw {
namespace {

class MapStore : public SessionStore {
 public:
  void insert(Session session, Done<SessionPtr> done) override {
    if (sessions.contains(session.key)) return done(Error{Errc::already_exists, "taken"});
    const auto stored = std::make_shared<const Session>(std::move(session));
    sessions[stored->key] = stored;
    done(SessionPtr(stored));
  }
  void find(const SessionKey& key, Done<SessionPtr> done) override {
    if (!sessions.contains(key)) return done(Error{Errc::not_found, "none"});
    done(sessions[key]);
  }
  void update(const SessionKey& key, Edit edit, Done<SessionPtr> done) override {
    if (!sessions.contains(key)) return done(Error{Errc::not_found, "none"});
    Result<Session> edited = edit(*sessions[key]);
    if (!edited) return done(edited.error());
    sessions[key] = std::make_shared<const Session>(std::move(*edited));
    done(sessions[key]);
  }
  void find_key(std::string_view ref, Done<SessionKey> done) override {
    for (const auto& [key, session] : sessions) {
      if (session->ref == ref) return done(key);
    }
    done(Error{Errc::not_found, "none"});
  }
  void list(const SessionFilter&, Done<SessionPage> done) override { done(SessionPage()); }
  void on_change(OnChange) override {}
  bool is_unchanged_since(const SessionKey&, WallTime) const override { return true; }
  std::optional<size_t> size() const override { return sessions.size(); }

  std::unordered_map<SessionKey, SessionPtr, DigestHash> sessions;
};

constexpr const char* kChosen = "an-id-that-the-caller-chose";

class TrafficCopTest : public testing::Test {
 protected:
  Result<CreatedSession> create(NewSession request, std::string_view tenant = "") {
    Result<CreatedSession> result = Error{};
    cop_.create(std::move(request), tenant, [&](Result<CreatedSession> r) { result = std::move(r); });
    return result;
  }
  Result<SessionPtr> update(std::string_view id, SessionChange change, std::string_view tenant = "") {
    Result<SessionPtr> result = Error{};
    cop_.update(id, std::move(change), tenant, [&](Result<SessionPtr> r) { result = std::move(r); });
    return result;
  }
  Errc admitted(std::string_view token) {
    Errc code = Errc::internal;
    cop_.validate(token, [&](Result<SessionPtr> r) { code = r ? Errc{} : r.error().code; });
    return code;
  }

  MapStore store_;
  const ChannelTable channels_{{"guide", "pillar:content"}};
  WallTime now_{1'790'000'000'000ms};
  TrafficCop cop_{store_, channels_, [this] { return now_; }};
};

TEST_F(TrafficCopTest, MakesAnIdOf128BitsAndKeepsOnlyItsDigest) {
  const auto created = create({.user_id = "ada"});
  ASSERT_TRUE(created);
  EXPECT_EQ(created->session_id.size(), 32u);
  EXPECT_EQ(created->session->key, sha256(created->session_id));
  EXPECT_NE(created->session->ref, created->session_id);
  EXPECT_EQ(admitted(created->session_id), Errc{});
  EXPECT_EQ(admitted(created->session->ref), Errc::unauthenticated);
}

TEST_F(TrafficCopTest, KnowsWhoseTokenItIsWithoutAsking) {
  const SessionPtr ada = create({.session_id = kChosen, .user_id = "ada"})->session;
  store_.sessions.clear();
  EXPECT_TRUE(cop_.is_of(kChosen, *ada));
  EXPECT_FALSE(cop_.is_of("another-id-of-some-length", *ada));
  EXPECT_FALSE(cop_.is_of(ada->ref, *ada));
  EXPECT_FALSE(cop_.is_of("", *ada));
}

TEST_F(TrafficCopTest, NamesTheFieldAtFault) {
  const auto detail = [&](NewSession request) { return create(std::move(request)).error().detail; };
  EXPECT_EQ(detail({.user_id = ""}).substr(0, 7), "user_id");
  EXPECT_EQ(detail({.user_id = "a b"}).substr(0, 7), "user_id");
  EXPECT_EQ(detail({.session_id = "a b and so on to sixteen", .user_id = "u"}).substr(0, 10), "session_id");
  EXPECT_EQ(detail({.session_id = "fifteen-letters", .user_id = "u"}),
            "session_id must match [A-Za-z0-9._@+=-]{16,128}");
  EXPECT_EQ(detail({.user_id = "u", .ttl = std::chrono::seconds(0)}).substr(0, 11), "ttl_seconds");
  EXPECT_EQ(detail({.user_id = "u", .context_json = "[]"}).substr(0, 7), "context");
  EXPECT_EQ(detail({.user_id = "u", .context_json = R"({"tenant_id":"a b"})"}).substr(0, 17),
            "context.tenant_id");
  EXPECT_EQ(detail({.user_id = "u", .context_json = R"({"channels":["gold"]})"}).substr(0, 16),
            "context.channels");
}

TEST_F(TrafficCopTest, ReadsTenantAndChannelsFromTheContext) {
  const auto created =
      create({.user_id = "u", .context_json = R"({"tenant_id":"red","channels":["guide"]})"});
  ASSERT_TRUE(created);
  EXPECT_EQ(created->session->tenant_id, "red");
  EXPECT_TRUE(created->session->channels.contains(0));
  EXPECT_FALSE(created->session->channels.contains(1));
}

TEST_F(TrafficCopTest, HidesSessionsOfOtherTenants) {
  create({.session_id = kChosen, .user_id = "u"}, "red");
  Errc code{};
  cop_.get(kChosen, "blue", [&](Result<SessionPtr> r) { code = r.error().code; });
  EXPECT_EQ(code, Errc::not_found);
  EXPECT_EQ(update(kChosen, {.status = SessionStatus::suspended}, "blue").error().code, Errc::not_found);
  EXPECT_EQ(create({.user_id = "u", .context_json = R"({"tenant_id":"red"})"}, "blue").error().code,
            Errc::permission_denied);
  EXPECT_EQ(store_.sessions[sha256(kChosen)]->tenant_id, "red");
}

TEST_F(TrafficCopTest, SuspendsAndResumesButNeverRevivesAnEndedOne) {
  create({.session_id = kChosen, .user_id = "u"});
  ASSERT_TRUE(update(kChosen, {.status = SessionStatus::suspended}));
  EXPECT_EQ(admitted(kChosen), Errc::unauthenticated);
  ASSERT_TRUE(update(kChosen, {.status = SessionStatus::active}));
  EXPECT_EQ(admitted(kChosen), Errc{});
  cop_.end(kChosen, "", [](Result<SessionPtr> r) { EXPECT_EQ((*r)->status, SessionStatus::inactive); });
  EXPECT_EQ(admitted(kChosen), Errc::unauthenticated);
  EXPECT_EQ(update(kChosen, {.status = SessionStatus::active}).error().code, Errc::failed_precondition);
}

TEST_F(TrafficCopTest, EndsWithItsTime) {
  const auto created = create({.session_id = kChosen, .user_id = "u", .ttl = 60s});
  ASSERT_TRUE(created);
  EXPECT_EQ(created->session->created_at, now_);
  EXPECT_EQ(created->session->expires_at, now_ + 60s);
  now_ += 59s;
  EXPECT_EQ(admitted(kChosen), Errc{});
  EXPECT_EQ((*update(kChosen, {.ttl = 10s}))->expires_at, now_ + 10s);
  now_ += 10s;
  EXPECT_EQ(admitted(kChosen), Errc::unauthenticated);
  EXPECT_EQ(update(kChosen, {.ttl = 10s}).error().code, Errc::failed_precondition);
}

TEST_F(TrafficCopTest, RefusesToMoveASessionToAnotherTenant) {
  create({.session_id = kChosen, .user_id = "u", .context_json = R"({"tenant_id":"red"})"});
  EXPECT_EQ(update(kChosen, {.context_json = R"({"tenant_id":"blue"})"}).error().code,
            Errc::invalid_argument);
  const auto same = update(kChosen, {.context_json = R"({"note":1})"});
  ASSERT_TRUE(same);
  EXPECT_EQ((*same)->tenant_id, "red");
}

}  // namespace
}  // namespace gw
