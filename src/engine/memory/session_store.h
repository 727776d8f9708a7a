// Sessions of a gateway that runs alone.
#pragma once

#include <boost/intrusive/set.hpp>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/row_index.h"
#include "core/heard_changes.h"
#include "core/session_store.h"
#include "net/event_loop.h"

namespace gw::memory {

// In an order of sessions: with its links in the session's own row, since a million have them.
using SessionHook = boost::intrusive::set_member_hook<boost::intrusive::optimize_size<true>>;

// A session, and where it stands in the store's lists.
struct KeptSession {
  // The order in which they were made.
  using Place = uint64_t;

  SessionPtr session;  // null: the row is free
  Place place = 0;
  SessionHook by_expiry, by_place, by_user;
};

// As keys of the orders. Earliest end first; an ended session has its end in expires_at, so whatever lies
// before now has ended.
struct ExpiryOf {
  using type = std::pair<WallTime, KeptSession::Place>;
  type operator()(const KeptSession& kept) const { return {kept.session->expires_at, kept.place}; }
};
struct PlaceOf {
  using type = KeptSession::Place;
  type operator()(const KeptSession& kept) const { return kept.place; }
};
struct UserOf {
  using type = std::pair<std::string_view, KeptSession::Place>;
  type operator()(const KeptSession& kept) const { return {kept.session->user_id, kept.place}; }
};
template <SessionHook KeptSession::*hook, class KeyOf>
using SessionOrder =
    boost::intrusive::set<KeptSession, boost::intrusive::member_hook<KeptSession, SessionHook, hook>,
                          boost::intrusive::key_of_value<KeyOf>, boost::intrusive::constant_time_size<false>>;

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
  std::optional<size_t> size() const override { return by_key_.size(); }

  // Drops ended sessions whose retention is over.
  void tick(WallTime now);

 private:
  using Place = KeptSession::Place;
  using Rows = std::deque<KeptSession>;  // addresses stay
  struct KeyOf {
    const Rows* rows;
    const SessionKey& operator()(Row row) const { return (*rows)[row].session->key; }
  };
  struct RefOf {
    const Rows* rows;
    std::string_view operator()(Row row) const { return (*rows)[row].session->ref; }
  };
  struct Tenant {
    std::set<std::pair<WallTime, Place>> by_expiry;
    std::set<Place> places;
  };

  bool make_room(const KeptSession& oldest);
  Row take_row();
  void index(Row row);
  void unindex(Row row);
  void drop(Row row);
  const KeptSession& at(Place place) const { return *by_place_.find(place); }
  SessionPage page(const SessionFilter& filter, Place before) const;
  // The last one before that, of those that alone can be of the filter; null: there is none.
  const KeptSession* last_before(const SessionFilter& filter, Place before) const;

  EventLoop& loop_;
  const SessionStoreOptions options_;
  std::vector<OnChange> on_change_;
  HeardChanges heard_;
  Rows rows_;
  std::vector<Row> free_rows_;
  RowIndex<KeyOf, DigestHash> by_key_{KeyOf{&rows_}};
  RowIndex<RefOf, std::hash<std::string_view>> by_ref_{RefOf{&rows_}};
  Place last_place_ = 0;
  SessionOrder<&KeptSession::by_expiry, ExpiryOf> by_expiry_;
  SessionOrder<&KeptSession::by_place, PlaceOf> by_place_;
  SessionOrder<&KeptSession::by_user, UserOf> by_user_;
  std::map<std::string, Tenant, std::less<>> by_tenant_;  // of those that have one
};

}  // namespace gw::memory
