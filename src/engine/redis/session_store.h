// Sessions over Redis: one hash each, gone by itself when its retention is over. A change is announced, so
// that every instance closes the connections of a session that has ended.
#pragma once

#include <unordered_map>
#include <vector>

#include "core/heard_changes.h"
#include "core/session_store.h"
#include "engine/memory/session_store.h"
#include "engine/redis/keys.h"
#include "engine/redis/scripts.h"
#include "engine/redis/words.h"

namespace gw::redis {

// A page with each one's place in the list.
struct PlacedSessions {
  std::vector<std::pair<uint64_t, SessionPtr>> sessions = {};
  std::optional<uint64_t> after = {};  // where to go on; none: there is no more
};

class SessionStore final : public gw::SessionStore {
 public:
  SessionStore(EventLoop& loop, Client& commands, const Keys& keys, const ChannelTable& channels,
               const SessionStoreOptions& options);

  void insert(Session session, Done<SessionPtr> done) override;
  void find(const SessionKey& key, Done<SessionPtr> done) override;
  void update(const SessionKey& key, Edit edit, Done<SessionPtr> done) override;
  void find_key(std::string_view ref, Done<SessionKey> done) override;
  void list(const SessionFilter& filter, Done<SessionPage> done) override;
  void list_placed(const SessionFilter& filter, Done<PlacedSessions> done);
  void on_change(OnChange callback) override { on_change_.push_back(std::move(callback)); }
  bool is_unchanged_since(const SessionKey& key, WallTime then) const override {
    return heard_.is_unchanged_since(key, then);
  }
  std::optional<size_t> size() const override { return std::nullopt; }

  // What an instance said on Keys::session_changed(): the session's key. Runs on_change with what it is now,
  // as soon as that can be read. False: too many wait for that, say it again later.
  bool on_announced(std::string_view key_hex);
  // From now on that is heard; not any more.
  void on_hearing() { heard_.begin(loop_.wall_now()); }
  void on_deaf() { heard_.end(); }
  // It may have changed while nobody could hear: runs on_change if it has.
  void check(const SessionPtr& known);
  // Reads again what could not be read. Every 100 ms or so.
  void tick();

 private:
  struct Stored {
    SessionPtr session;
    std::string revision;
  };

  // `known`: what connections here have of it; null: it has changed, whatever they have.
  void tell_of(const SessionKey& key, const SessionPtr& known);
  void read(const SessionKey& key, Done<Stored> done);
  void try_update(const SessionKey& key, Edit edit, int tries_left, Done<SessionPtr> done);
  std::optional<Stored> parse(const SessionKey& key, const Reply& fields) const;
  void append_fields(Words& words, const Session& session) const;
  std::string end_of_life(const Session& session) const;

  EventLoop& loop_;
  Client& commands_;
  const Keys& keys_;
  const ChannelTable& channels_;
  const SessionStoreOptions options_;
  const std::chrono::milliseconds retention_;
  std::vector<OnChange> on_change_;
  HeardChanges heard_;
  // What may have changed and could not be read, as for tell_of().
  std::unordered_map<SessionKey, SessionPtr, DigestHash> unread_;
  TimePoint read_again_at_;
};

}  // namespace gw::redis
