#include "engine/memory/session_store.h"

#include <charconv>
#include <iterator>

#include "core/list.h"

namespace gw::memory {
namespace {

constexpr int kDropsPerTickMax = 10'000;

}  // namespace

void SessionStore::insert(Session session, Done<SessionPtr> done) {
  if (by_key_.find(session.key) != kNoRow) return done(Error{Errc::already_exists, "session_id is taken"});
  const auto tenant = by_tenant_.find(session.tenant_id.view());
  if (tenant != by_tenant_.end() && tenant->second.places.size() >= options_.tenant_sessions_max &&
      !make_room(at(tenant->second.by_expiry.begin()->second))) {
    return done(
        Error{Errc::resource_exhausted, "the tenant has all the sessions it may (max-sessions-per-tenant)"});
  }
  if (by_key_.size() >= options_.sessions_max && !make_room(*by_expiry_.begin())) {
    return done(Error{Errc::resource_exhausted, "the session store is full (max-sessions)"});
  }
  const Row row = take_row();
  rows_[row].session = std::make_shared<const Session>(std::move(session));
  rows_[row].place = ++last_place_;
  index(row);
  done(SessionPtr(rows_[row].session));
}

// The one that ended first goes, if it has ended.
bool SessionStore::make_room(const KeptSession& oldest) {
  if (oldest.session->expires_at > loop_.wall_now()) return false;
  drop(by_key_.find(oldest.session->key));
  return true;
}

Row SessionStore::take_row() {
  if (free_rows_.empty()) {
    rows_.emplace_back();
    return static_cast<Row>(rows_.size() - 1);
  }
  const Row row = free_rows_.back();
  free_rows_.pop_back();
  return row;
}

void SessionStore::index(Row row) {
  KeptSession& kept = rows_[row];
  by_key_.insert(row);
  by_ref_.insert(row);
  by_expiry_.insert(kept);
  by_place_.insert(kept);
  by_user_.insert(kept);
  if (kept.session->tenant_id.empty()) return;
  Tenant& tenant = by_tenant_[kept.session->tenant_id.str()];
  tenant.by_expiry.insert(ExpiryOf()(kept));
  tenant.places.insert(kept.place);
}

void SessionStore::unindex(Row row) {
  KeptSession& kept = rows_[row];
  by_key_.erase(row);
  by_ref_.erase(row);
  by_expiry_.erase(by_expiry_.iterator_to(kept));
  by_place_.erase(by_place_.iterator_to(kept));
  by_user_.erase(by_user_.iterator_to(kept));
  const auto tenant = by_tenant_.find(kept.session->tenant_id.view());
  if (tenant == by_tenant_.end()) return;
  tenant->second.by_expiry.erase(ExpiryOf()(kept));
  tenant->second.places.erase(kept.place);
  if (tenant->second.places.empty()) by_tenant_.erase(tenant);
}

void SessionStore::drop(Row row) {
  unindex(row);
  rows_[row].session = nullptr;
  free_rows_.push_back(row);
}

void SessionStore::find(const SessionKey& key, Done<SessionPtr> done) {
  const Row row = by_key_.find(key);
  if (row == kNoRow) return done(Error{Errc::not_found, "no such session"});
  done(SessionPtr(rows_[row].session));
}

void SessionStore::find_key(std::string_view ref, Done<SessionKey> done) {
  const Row row = by_ref_.find(ref);
  if (row == kNoRow) return done(Error{Errc::not_found, "no such session"});
  done(SessionKey(rows_[row].session->key));
}

void SessionStore::list(const SessionFilter& filter, Done<SessionPage> done) {
  Place before = last_place_ + 1;
  if (!filter.after.empty()) {
    const char* const end = filter.after.data() + filter.after.size();
    const auto [stopped, error] = std::from_chars(filter.after.data(), end, before);
    if (error != std::errc() || stopped != end) return done(Error{Errc::invalid_argument, kUnknownPlace});
  }
  done(page(filter, before));
}

SessionPage SessionStore::page(const SessionFilter& filter, Place before) const {
  SessionPage page;
  const WallTime now = loop_.wall_now();
  size_t looked = 0;
  while (const KeptSession* const kept = last_before(filter, before)) {
    if (page.sessions.size() == filter.limit || looked++ == kListLooks) {
      page.after = std::to_string(before);
      break;
    }
    if (filter.admits(*kept->session, now)) page.sessions.push_back(kept->session);
    before = kept->place;
  }
  return page;
}

const KeptSession* SessionStore::last_before(const SessionFilter& filter, Place before) const {
  if (!filter.user_id.empty()) {
    const auto next = by_user_.lower_bound({filter.user_id, before});
    if (next == by_user_.begin()) return nullptr;
    const KeptSession& last = *std::prev(next);
    return last.session->user_id == filter.user_id ? &last : nullptr;
  }
  if (!filter.tenant_id.empty()) {
    const auto tenant = by_tenant_.find(filter.tenant_id);
    if (tenant == by_tenant_.end()) return nullptr;
    const auto next = tenant->second.places.lower_bound(before);
    return next == tenant->second.places.begin() ? nullptr : &at(*std::prev(next));
  }
  const auto next = by_place_.lower_bound(before);
  return next == by_place_.begin() ? nullptr : &*std::prev(next);
}

void SessionStore::update(const SessionKey& key, Edit edit, Done<SessionPtr> done) {
  const Row row = by_key_.find(key);
  if (row == kNoRow) return done(Error{Errc::not_found, "no such session"});
  Result<Session> edited = edit(*rows_[row].session);
  if (!edited) return done(edited.error());
  const SessionPtr stored = std::make_shared<const Session>(std::move(*edited));
  unindex(row);
  rows_[row].session = stored;
  index(row);
  heard_.hear(key, loop_.wall_now());
  for (const OnChange& changed : on_change_) changed(stored);
  done(SessionPtr(stored));
}

void SessionStore::tick(WallTime now) {
  const auto retention = std::chrono::duration_cast<std::chrono::milliseconds>(options_.retention);
  for (int i = 0; i < kDropsPerTickMax && !by_expiry_.empty(); ++i) {
    const Session& oldest = *by_expiry_.begin()->session;
    if (oldest.expires_at + retention > now) return;
    drop(by_key_.find(oldest.key));
  }
}

}  // namespace gw::memory
