// Sessions of a gateway that runs alone.
#pragma once

#include <set>
#include <unordered_map>
#include <utility>

#include "core/session_store.h"

namespace gw {

struct SessionStoreOptions {
  size_t sessions_max = 1'000'000;
  Duration retention = 1h;  // how long an ended session can still be read
};

class MemorySessionStore final : public SessionStore {
 public:
  explicit MemorySessionStore(const SessionStoreOptions& options) : options_(options) {}

  void insert(Session session, Done<SessionPtr> done) override;
  void find(const SessionKey& key, Done<SessionPtr> done) override;
  void update(const SessionKey& key, Edit edit, Done<SessionPtr> done) override;
  void on_change(OnChange callback) override { on_change_ = std::move(callback); }
  void tick(WallTime now) override;
  std::optional<size_t> size() const override { return sessions_.size(); }

 private:
  const SessionStoreOptions options_;
  OnChange on_change_;
  std::unordered_map<SessionKey, SessionPtr, DigestHash> sessions_;
  std::set<std::pair<WallTime, SessionKey>> by_expiry_;  // one entry a session
};

}  // namespace gw
