#include "engine/memory/session_store.h"

namespace gw::memory {
namespace {

constexpr int kDropsPerTickMax = 10'000;

}  // namespace

void SessionStore::insert(Session session, Done<SessionPtr> done) {
  if (sessions_.contains(session.key)) return done(Error{Errc::already_exists, "session_id is taken"});
  const auto tenant = by_tenant_.find(session.tenant_id);
  if (tenant != by_tenant_.end() && !make_room(tenant->second, options_.tenant_sessions_max)) {
    return done(
        Error{Errc::resource_exhausted, "the tenant has all the sessions it may (max-sessions-per-tenant)"});
  }
  if (!make_room(by_expiry_, options_.sessions_max)) {
    return done(Error{Errc::resource_exhausted, "the session store is full (max-sessions)"});
  }
  auto stored = std::make_shared<const Session>(std::move(session));
  sessions_.emplace(stored->key, stored);
  index(*stored);
  done(SessionPtr(stored));
}

// The one that ended first goes, if there is one.
bool SessionStore::make_room(const ByExpiry& sessions, size_t max) {
  if (sessions.size() < max) return true;
  const auto oldest = sessions.begin();
  if (oldest->first > loop_.wall_now()) return false;
  drop(SessionKey(oldest->second));
  return true;
}

void SessionStore::index(const Session& session) {
  by_expiry_.emplace(session.expires_at, session.key);
  if (!session.tenant_id.empty()) by_tenant_[session.tenant_id].emplace(session.expires_at, session.key);
}

void SessionStore::unindex(const Session& session) {
  by_expiry_.erase({session.expires_at, session.key});
  const auto tenant = by_tenant_.find(session.tenant_id);
  if (tenant == by_tenant_.end()) return;
  tenant->second.erase({session.expires_at, session.key});
  if (tenant->second.empty()) by_tenant_.erase(tenant);
}

void SessionStore::drop(const SessionKey& key) {
  const auto it = sessions_.find(key);
  unindex(*it->second);
  sessions_.erase(it);
}

void SessionStore::find(const SessionKey& key, Done<SessionPtr> done) {
  const auto it = sessions_.find(key);
  if (it == sessions_.end()) return done(Error{Errc::not_found, "no such session"});
  done(it->second);
}

void SessionStore::update(const SessionKey& key, Edit edit, Done<SessionPtr> done) {
  const auto it = sessions_.find(key);
  if (it == sessions_.end()) return done(Error{Errc::not_found, "no such session"});
  Result<Session> edited = edit(*it->second);
  if (!edited) return done(edited.error());
  auto stored = std::make_shared<const Session>(std::move(*edited));
  unindex(*it->second);
  index(*stored);
  it->second = stored;
  for (const OnChange& changed : on_change_) changed(stored);
  done(SessionPtr(stored));
}

void SessionStore::tick(WallTime now) {
  const auto retention = std::chrono::duration_cast<std::chrono::milliseconds>(options_.retention);
  for (int i = 0; i < kDropsPerTickMax && !by_expiry_.empty(); ++i) {
    const auto oldest = by_expiry_.begin();
    if (oldest->first + retention > now) return;
    drop(SessionKey(oldest->second));
  }
}

}  // namespace gw::memory
