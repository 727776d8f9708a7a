// Interface: the record of every connection on every instance. Control loop only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/lean_text.h"
#include "base/lean_time.h"
#include "core/channel.h"
#include "core/disconnect.h"
#include "core/done.h"
#include "core/session.h"

namespace gw {

// A connection as the registry shows it; `session` is null for an anonymous one.
struct ConnectionRecord {
  ConnectionId id;
  SessionPtr session;
  LeanText gateway;          // the instance it is on; empty: this one
  ConnectionHandle handle;   // meaningful on its own instance only
  ChannelIndex channel = 0;  // the latest it spoke on or subscribed to
  bool is_chat = false;      // it speaks AI SDK's frames, and takes no messages
  ChannelSet channels;
  WallTime connected_at;
  WallTime last_activity;
  WallTime last_heartbeat;
  LeanTime pong_owed_since;  // of the oldest ping without an answer
  LeanText client_id;        // from the handshake; empty: none

  std::string_view user_id() const {
    return session ? std::string_view(session->user_id) : std::string_view();
  }
  std::string_view tenant_id() const {
    return session ? std::string_view(session->tenant_id) : std::string_view();
  }
};

// What changes while a connection lives.
struct ConnectionChange {
  ChannelIndex channel = 0;
  ChannelSet channels;
  WallTime last_activity;
  WallTime last_heartbeat;
  std::optional<WallTime> pong_owed_since = {};
};

struct ConnectionCounts {
  size_t global = 0;
  std::map<std::string, size_t> per_user;  // filled only when asked for
  std::map<std::string, size_t> by_channel;
  std::map<std::string, size_t> by_gateway;
};

// Which connections: of one session (by its public reference), of one user, or subscribed to one channel.
struct BySession {
  std::string ref;
};
struct ByUser {
  std::string user_id;
};
struct ByChannel {
  ChannelIndex channel;
};
using Selector = std::variant<BySession, ByUser, ByChannel>;

// Which connections to list; what is empty may be any.
struct ConnectionFilter {
  std::string tenant_id = {};
  std::string user_id = {};
  std::string session_ref = {};
  std::string gateway = {};  // the instance
  std::optional<ChannelIndex> channel = {};
  std::string after = {};  // where to go on: what the page before gave
  size_t limit = 100;

  bool admits(const ConnectionRecord& record) const;  // whatever `gateway` says
};

// Some of a list. `after`: where to go on; empty: there is no more. A page may be short, or empty, though
// there are more (core/list.h).
struct ConnectionPage {
  std::vector<ConnectionRecord> records = {};
  std::string after = {};
};

struct AdmissionLimits {
  size_t per_user = 5;  // of one tenant; 0: no limit
  size_t total = 100'000;
};

// Who owes a pong for longer than this gives way to a newcomer.
inline constexpr auto kPongPatience = std::chrono::seconds(10);

inline bool ConnectionFilter::admits(const ConnectionRecord& record) const {
  return (tenant_id.empty() || record.tenant_id() == tenant_id) &&
         (user_id.empty() || record.user_id() == user_id) &&
         (session_ref.empty() || (record.session && record.session->ref == session_ref)) &&
         (!channel || record.channels.contains(*channel));
}

class Registry {
 public:
  // A connection of this instance has given way to another of its user, or is disconnected by somebody, and
  // is forgotten: it has to close.
  using OnEvicted = std::function<void(const ConnectionHandle&, const Disconnect&)>;

  virtual ~Registry() = default;
  virtual void on_evicted(OnEvicted callback) = 0;
  // Checks the limits and adds the record as one step. A user who has all it may loses, if there is one, a
  // connection of the same session and client, else one on an instance that is gone, else one that owes a
  // pong too long. resource_exhausted: there is none; failed_precondition: the instance is full; else: could
  // not find out.
  virtual void add(ConnectionRecord record, const AdmissionLimits& limits, Done<void> done) = 0;
  // Ignored when the connection is gone.
  virtual void update(const ConnectionId& id, const ConnectionChange& change) = 0;
  virtual void replace_session(const ConnectionId& id, SessionPtr session) = 0;
  // Of one that had none: it is one of that user's now, within his limit, as with add(). not_found: it is
  // gone; resource_exhausted: there is no room; after any other error it has none, or has to go.
  virtual void identify(const ConnectionId& id, SessionPtr session, const AdmissionLimits& limits,
                        Done<void> done) = 0;
  // `code`: how it closed, a WebSocket close code.
  virtual void remove(const ConnectionId& id, uint16_t code) = 0;

  virtual void find(const ConnectionId& id, Done<std::optional<ConnectionRecord>> done) = 0;
  virtual void select(const Selector& selector, Done<std::vector<ConnectionRecord>> done) = 0;
  // In pages, in an order that does not change: whoever is connected from the first to the last is in exactly
  // one of them. invalid_argument: `after` is not what a page gave.
  virtual void list(const ConnectionFilter& filter, Done<ConnectionPage> done) = 0;
  // They have to close, on whichever instance they are (on_evicted there): answers how many that was said to.
  virtual void disconnect(const std::vector<ConnectionRecord>& records, const Disconnect& why,
                          Done<size_t> done) = 0;
  // Of this instance alone, without asking anybody.
  virtual std::vector<ConnectionRecord> select_local(const Selector& selector) const = 0;
  // `tenant`: count only its connections (empty: all).
  virtual void count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done) = 0;
};

}  // namespace gw
