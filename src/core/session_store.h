// Interface: where sessions live. Control loop only.
#pragma once

#include <functional>
#include <optional>

#include "core/done.h"
#include "core/session.h"

namespace gw {

struct SessionStoreOptions {
  size_t sessions_max = 1'000'000;
  size_t tenant_sessions_max = 100'000;  // of each tenant
  Duration retention = 1h;               // how long an ended session can still be read, if there is room
};

class SessionStore {
 public:
  // Runs after a session was replaced, on every instance: ended sessions lose their connections.
  using OnChange = std::function<void(const SessionPtr&)>;

  virtual ~SessionStore() = default;
  // already_exists when the key is taken (by an ended session as well); resource_exhausted when full.
  virtual void insert(Session session, Done<SessionPtr> done) = 0;
  // not_found when there is none.
  virtual void find(const SessionKey& key, Done<SessionPtr> done) = 0;
  // `edit` sees the current record and returns the new one or refuses; atomic with regard to other edits.
  using Edit = std::function<Result<Session>(const Session&)>;
  virtual void update(const SessionKey& key, Edit edit, Done<SessionPtr> done) = 0;
  // Another one, beside those before.
  virtual void on_change(OnChange callback) = 0;
  // Of sessions kept here; empty when another process keeps them.
  virtual std::optional<size_t> size() const = 0;
};

}  // namespace gw
