#include "engine/memory/session_store.h"

#include <charconv>

#include "core/list.h"

namespace gw::memory {
namespace {

constexpr int kDropsPerTickMax = 10'000;

}  // namespace

void SessionStore::insert(Session session, Done<SessionPtr> done) {
  if (sessions_.contains(session.key)) return done(Error{Errc::already_exists, "session_id is taken"});
  const auto tenant = by_tenant_.find(session.tenant_id);
  if (tenant != by_tenant_.end() && !make_room(tenant->second.by_expiry, options_.tenant_sessions_max)) {
    return done(
        Error{Errc::resource_exhausted, "the tenant has all the sessions it may (max-sessions-per-tenant)"});
  }
  if (!make_room(by_expiry_, options_.sessions_max)) {
    return done(Error{Errc::resource_exhausted, "the session store is full (max-sessions)"});
  }
  const Stored stored{std::make_shared<const Session>(std::move(session)), ++last_place_};
  sessions_.emplace(stored.session->key, stored);
  index(stored);
  done(SessionPtr(stored.session));
}

// The one that ended first goes, if there is one.
bool SessionStore::make_room(const ByExpiry& sessions, size_t max) {
  if (sessions.size() < max) return true;
  const auto oldest = sessions.begin();
  if (oldest->first > loop_.wall_now()) return false;
  drop(SessionKey(oldest->second));
  return true;
}

void SessionStore::index(const Stored& stored) {
  const Session& session = *stored.session;
  by_expiry_.emplace(session.expires_at, session.key);
  places_.insert(stored.place);
  by_place_.emplace(stored.place, session.key);
  by_user_[session.user_id].insert(stored.place);
  by_ref_.emplace(session.ref, session.key);
  if (session.tenant_id.empty()) return;
  Tenant& tenant = by_tenant_[session.tenant_id];
  tenant.by_expiry.emplace(session.expires_at, session.key);
  tenant.places.insert(stored.place);
}

void SessionStore::unindex(const Stored& stored) {
  const Session& session = *stored.session;
  by_expiry_.erase({session.expires_at, session.key});
  places_.erase(stored.place);
  by_place_.erase(stored.place);
  by_ref_.erase(session.ref);
  const auto user = by_user_.find(session.user_id);
  user->second.erase(stored.place);
  if (user->second.empty()) by_user_.erase(user);
  const auto tenant = by_tenant_.find(session.tenant_id);
  if (tenant == by_tenant_.end()) return;
  tenant->second.by_expiry.erase({session.expires_at, session.key});
  tenant->second.places.erase(stored.place);
  if (tenant->second.places.empty()) by_tenant_.erase(tenant);
}

void SessionStore::drop(const SessionKey& key) {
  const auto it = sessions_.find(key);
  unindex(it->second);
  sessions_.erase(it);
}

void SessionStore::find(const SessionKey& key, Done<SessionPtr> done) {
  const auto it = sessions_.find(key);
  if (it == sessions_.end()) return done(Error{Errc::not_found, "no such session"});
  done(it->second.session);
}

void SessionStore::find_key(std::string_view ref, Done<SessionKey> done) {
  const auto it = by_ref_.find(std::string(ref));
  if (it == by_ref_.end()) return done(Error{Errc::not_found, "no such session"});
  done(it->second);
}

void SessionStore::list(const SessionFilter& filter, Done<SessionPage> done) {
  Place before = last_place_ + 1;
  if (!filter.after.empty()) {
    const char* const end = filter.after.data() + filter.after.size();
    const auto [stopped, error] = std::from_chars(filter.after.data(), end, before);
    if (error != std::errc() || stopped != end) return done(Error{Errc::invalid_argument, kUnknownPlace});
  }
  const Places* const places = places_of(filter);
  done(places ? page(*places, filter, before) : SessionPage());
}

const SessionStore::Places* SessionStore::places_of(const SessionFilter& filter) const {
  if (!filter.user_id.empty()) {
    const auto user = by_user_.find(filter.user_id);
    return user == by_user_.end() ? nullptr : &user->second;
  }
  if (filter.tenant_id.empty()) return &places_;
  const auto tenant = by_tenant_.find(filter.tenant_id);
  return tenant == by_tenant_.end() ? nullptr : &tenant->second.places;
}

SessionPage SessionStore::page(const Places& places, const SessionFilter& filter, Place before) const {
  SessionPage page;
  const WallTime now = loop_.wall_now();
  size_t looked = 0;
  for (auto at = places.lower_bound(before); at != places.begin();) {
    if (page.sessions.size() == filter.limit || looked++ == kListLooks) {
      page.after = std::to_string(*at);
      break;
    }
    const SessionPtr& session = sessions_.at(by_place_.at(*--at)).session;
    if (filter.admits(*session, now)) page.sessions.push_back(session);
  }
  return page;
}

void SessionStore::update(const SessionKey& key, Edit edit, Done<SessionPtr> done) {
  const auto it = sessions_.find(key);
  if (it == sessions_.end()) return done(Error{Errc::not_found, "no such session"});
  Result<Session> edited = edit(*it->second.session);
  if (!edited) return done(edited.error());
  const SessionPtr stored = std::make_shared<const Session>(std::move(*edited));
  unindex(it->second);
  it->second.session = stored;
  index(it->second);
  heard_.hear(key, loop_.wall_now());
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
