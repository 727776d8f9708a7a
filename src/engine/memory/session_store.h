// Sessions of a gateway that runs alone.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/session_store.h"
#include "net/event_loop.h"

namespace gw::memory {

class SessionStore final : public gw::SessionStore {
 public:
  SessionStore(EventLoop& loop, const SessionStoreOptions& options) : loop_(loop), options_(options) {}

  void insert(Session session, Done<SessionPtr> done) override;
  void find(const SessionKey& key, Done<SessionPtr> done) override;
  void update(const SessionKey& key, Edit edit, Done<SessionPtr> done) override;
  void on_change(OnChange callback) override { on_change_.push_back(std::move(callback)); }
  std::optional<size_t> size() const override { return sessions_.size(); }

  // Drops ended sessions whose retention is over.
  void tick(WallTime now);

 private:
  // Earliest end first; one entry a session. An ended session has its end in expires_at, so whatever lies
  // before now has ended.
  using ByExpiry = std::set<std::pair<WallTime, SessionKey>>;

  bool make_room(const ByExpiry& sessions, size_t max);
  void index(const Session& session);
  void unindex(const Session& session);
  void drop(const SessionKey& key);

  EventLoop& loop_;
  const SessionStoreOptions options_;
  std::vector<OnChange> on_change_;
  std::unordered_map<SessionKey, SessionPtr, DigestHash> sessions_;
  ByExpiry by_expiry_;
  std::map<std::string, ByExpiry, std::less<>> by_tenant_;  // of those that have one
};

}  // namespace gw::memory
