#include "engine/memory/session_store.h"

namespace gw {
namespace {

constexpr int kDropsPerTickMax = 10'000;

}  // namespace

void MemorySessionStore::insert(Session session, Done<SessionPtr> done) {
  if (sessions_.contains(session.key)) return done(Error{Errc::already_exists, "session_id is taken"});
  if (sessions_.size() >= options_.sessions_max) {
    return done(Error{Errc::resource_exhausted, "the session store is full (max-sessions)"});
  }
  auto stored = std::make_shared<const Session>(std::move(session));
  sessions_.emplace(stored->key, stored);
  by_expiry_.emplace(stored->expires_at, stored->key);
  done(SessionPtr(stored));
}

void MemorySessionStore::find(const SessionKey& key, Done<SessionPtr> done) {
  const auto it = sessions_.find(key);
  if (it == sessions_.end()) return done(Error{Errc::not_found, "no such session"});
  done(it->second);
}

void MemorySessionStore::update(const SessionKey& key, Edit edit, Done<SessionPtr> done) {
  const auto it = sessions_.find(key);
  if (it == sessions_.end()) return done(Error{Errc::not_found, "no such session"});
  Result<Session> edited = edit(*it->second);
  if (!edited) return done(edited.error());
  auto stored = std::make_shared<const Session>(std::move(*edited));
  by_expiry_.erase({it->second->expires_at, key});
  by_expiry_.emplace(stored->expires_at, key);
  it->second = stored;
  if (on_change_) on_change_(stored);
  done(SessionPtr(stored));
}

void MemorySessionStore::tick(WallTime now) {
  const auto retention = std::chrono::duration_cast<std::chrono::milliseconds>(options_.retention);
  for (int i = 0; i < kDropsPerTickMax && !by_expiry_.empty(); ++i) {
    // An ended session has its end in expires_at, so one rule serves expired and deleted ones.
    const auto oldest = by_expiry_.begin();
    if (oldest->first + retention > now) return;
    sessions_.erase(oldest->second);
    by_expiry_.erase(oldest);
  }
}

}  // namespace gw
