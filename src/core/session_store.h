// Interface: where sessions live. Control loop only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/done.h"
#include "core/session.h"

namespace gw {

struct SessionStoreOptions {
  size_t sessions_max = 1'000'000;
  size_t tenant_sessions_max = 100'000;  // of each tenant
  Duration retention = 1h;               // how long an ended session can still be read, if there is room
};

// Which sessions to list; what is empty may be any.
struct SessionFilter {
  std::string tenant_id = {};
  std::string user_id = {};
  std::optional<SessionStatus> status = {};  // as it is now
  std::string after = {};                    // where to go on: what the page before gave
  size_t limit = 100;

  bool admits(const Session& session, WallTime now) const {
    return (tenant_id.empty() || session.tenant_id == tenant_id) &&
           (user_id.empty() || session.user_id == user_id) && (!status || session.status_at(now) == *status);
  }
};

// As a page of connections (core/registry.h).
struct SessionPage {
  std::vector<SessionPtr> sessions = {};
  std::string after = {};
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
  // The key of the session with that public reference; not_found when there is none.
  virtual void find_key(std::string_view ref, Done<SessionKey> done) = 0;
  // In pages, newest first; an ended one as long as it can be read. Whichever is there from the first page to
  // the last is in exactly one of them. invalid_argument: `after` is not what a page gave.
  virtual void list(const SessionFilter& filter, Done<SessionPage> done) = 0;
  // Another one, beside those before.
  virtual void on_change(OnChange callback) = 0;
  // This instance would have heard of a change of that session since then, and has not; nothing is asked.
  virtual bool is_unchanged_since(const SessionKey& key, WallTime then) const = 0;
  // Of sessions kept here; empty when another process keeps them.
  virtual std::optional<size_t> size() const = 0;
};

}  // namespace gw
