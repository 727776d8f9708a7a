// Random histories beside a plain list.
#include "engine/memory/session_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace gw::memory {
namespace {

class MemorySessionStoreTest : public testing::Test {
 protected:
  size_t random(size_t below) { return random_() % below; }

  // Of few names, so that they meet.
  Session some_session() {
    const std::string name = std::to_string(random(60));
    Session session;
    session.key = sha256(name);
    session.ref = "ref-" + name;
    session.user_id = "user-" + std::to_string(random(5));
    if (random(2) == 0) session.tenant_id = "tenant-" + std::to_string(random(2));
    session.created_at = loop_.wall_now();
    session.expires_at = loop_.wall_now() + std::chrono::hours(1 + random(5));
    return session;
  }

  // In the list; its end: it is not.
  std::vector<Session>::iterator listed(const SessionKey& key) {
    return std::find_if(model_.begin(), model_.end(), [&](const Session& s) { return s.key == key; });
  }

  void insert() {
    const Session session = some_session();
    const bool is_new = listed(session.key) == model_.end();
    bool inserted = false;
    store_.insert(session, [&](const Result<SessionPtr>& result) { inserted = result.has_value(); });
    EXPECT_EQ(inserted, is_new);
    if (is_new) model_.push_back(session);
  }

  // Its end comes at another time; an end in the past is over for good with the next tick.
  void change() {
    const SessionKey key = some_session().key;
    const WallTime now = loop_.wall_now();
    const WallTime end = random(2) == 0 ? now - 2h : now + std::chrono::hours(1 + random(5));
    const auto edit = [&](const Session& current) -> Result<Session> {
      Session edited = current;
      edited.expires_at = end;
      return edited;
    };
    bool found = false;
    store_.update(key, edit, [&](const Result<SessionPtr>& result) { found = result.has_value(); });
    const auto known = listed(key);
    ASSERT_EQ(found, known != model_.end());
    if (found) known->expires_at = end;
  }

  void tick() {
    const WallTime now = loop_.wall_now();
    store_.tick(now);
    std::erase_if(model_, [&](const Session& session) { return session.expires_at < now; });
  }

  void expect_found() {
    const Session asked = some_session();
    const auto known = listed(asked.key);
    SessionPtr found;
    store_.find(asked.key, [&](const Result<SessionPtr>& result) { found = result ? *result : nullptr; });
    ASSERT_EQ(found != nullptr, known != model_.end());
    if (found) {
      EXPECT_EQ(found->expires_at, known->expires_at);
    }
    bool has_key = false;
    store_.find_key(std::string_view(asked.ref),
                    [&](const Result<SessionKey>& key) { has_key = key && *key == asked.key; });
    EXPECT_EQ(has_key, found != nullptr);
  }

  // In pages of three.
  void expect_listed() {
    SessionFilter filter{.limit = 3};
    if (random(2) == 0) filter.user_id = "user-" + std::to_string(random(6));
    if (random(2) == 0) filter.tenant_id = "tenant-" + std::to_string(random(3));
    std::vector<std::string> expected;
    for (auto session = model_.rbegin(); session != model_.rend(); ++session) {
      if (filter.admits(*session, loop_.wall_now())) expected.push_back(session->ref.str());
    }
    std::vector<std::string> refs;
    do {
      store_.list(filter, [&](const Result<SessionPage>& page) {
        for (const SessionPtr& session : page->sessions) refs.push_back(session->ref.str());
        filter.after = page->after;
      });
    } while (!filter.after.empty());
    EXPECT_EQ(refs, expected);
  }

  std::mt19937 random_{1};
  EventLoop loop_;
  SessionStore store_{loop_, SessionStoreOptions{.retention = 1h}};
  std::vector<Session> model_;  // in the order in which they came
};

TEST_F(MemorySessionStoreTest, HasWhatAPlainListHas) {
  for (int step = 0; step < 4'000 && !HasFailure(); ++step) {
    switch (random(8)) {
      case 0: tick(); break;
      case 1:
      case 2: change(); break;
      default: insert(); break;
    }
    expect_found();
    expect_listed();
    EXPECT_EQ(store_.size(), model_.size());
  }
}

TEST_F(MemorySessionStoreTest, WhenFullTheOneThatEndedFirstGoes) {
  SessionStore store(loop_, {.sessions_max = 2});
  const auto insert = [&](const std::string& name, Duration after) {
    Session session = some_session();
    session.key = sha256(name);
    session.ref = name;
    session.expires_at = loop_.wall_now() + std::chrono::duration_cast<std::chrono::milliseconds>(after);
    Errc code{};
    store.insert(session,
                 [&](const Result<SessionPtr>& result) { code = result ? Errc() : result.error().code; });
    return code;
  };
  EXPECT_EQ(insert("a", -1min), Errc());
  EXPECT_EQ(insert("b", -2min), Errc());
  EXPECT_EQ(insert("c", 1h), Errc());  // in place of b
  EXPECT_EQ(insert("b", 1h), Errc());  // in place of a
  EXPECT_EQ(insert("a", 1h), Errc::resource_exhausted);
  EXPECT_EQ(store.size(), 2u);
}

}  // namespace
}  // namespace gw::memory
