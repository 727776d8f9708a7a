// Sessions of a gateway that runs alone.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/heard_changes.h"
#include "core/session_store.h"
#include "net/event_loop.h"

namespace gw::memory {

class SessionStore final : public gw::SessionStore {
 public:
  SessionStore(EventLoop& loop, const SessionStoreOptions& options) : loop_(loop), options_(options) {
    heard_.begin(loop.wall_now());
  }

  void insert(Session session, Done<SessionPtr> done) override;
  void find(const SessionKey& key, Done<SessionPtr> done) override;
  void update(const SessionKey& key, Edit edit, Done<SessionPtr> done) override;
  void find_key(std::string_view ref, Done<SessionKey> done) override;
  void list(const SessionFilter& filter, Done<SessionPage> done) override;
  void on_change(OnChange callback) override { on_change_.push_back(std::move(callback)); }
  bool is_unchanged_since(const SessionKey& key, WallTime then) const override {
    return heard_.is_unchanged_since(key, then);
  }
  std::optional<size_t> size() const override { return sessions_.size(); }

  // Drops ended sessions whose retention is over.
  void tick(WallTime now);

 private:
  // Earliest end first; one entry a session. An ended session has its end in expires_at, so whatever lies
  // before now has ended.
  using ByExpiry = std::set<std::pair<WallTime, SessionKey>>;

  // The order in which they were made.
  using Place = uint64_t;
  using Places = std::set<Place>;
  struct Stored {
    SessionPtr session;
    Place place = 0;
  };
  struct Tenant {
    ByExpiry by_expiry;
    Places places;
  };

  bool make_room(const ByExpiry& sessions, size_t max);
  void index(const Stored& stored);
  void unindex(const Stored& stored);
  void drop(const SessionKey& key);
  // Null: there are none.
  const Places* places_of(const SessionFilter& filter) const;
  SessionPage page(const Places& places, const SessionFilter& filter, Place before) const;

  EventLoop& loop_;
  const SessionStoreOptions options_;
  std::vector<OnChange> on_change_;
  HeardChanges heard_;
  std::unordered_map<SessionKey, Stored, DigestHash> sessions_;
  Place last_place_ = 0;
  ByExpiry by_expiry_;
  std::map<std::string, Tenant, std::less<>> by_tenant_;  // of those that have one
  Places places_;
  std::unordered_map<Place, SessionKey> by_place_;
  std::unordered_map<std::string, Places> by_user_;
  std::unordered_map<std::string, SessionKey> by_ref_;
};

}  // namespace gw::memory
