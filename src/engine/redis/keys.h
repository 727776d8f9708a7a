// Every name in Redis, and nowhere else (docs/PROTOCOL.md, "Redis"): scripts are given them. What comes from
// outside and stands in a name has been checked before (base/ids.h): it holds no character that could end one
// part and begin another.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/user_id.h"

namespace gw::redis {

class Keys {
 public:
  Keys(const std::string& prefix, std::string_view instance, uint32_t database)
      : prefix_(prefix), pubsub_prefix_(with_database(prefix, database)), instance_(instance) {}

  const std::string& prefix() const { return prefix_; }
  const std::string& pubsub_prefix() const { return pubsub_prefix_; }
  const std::string& instance() const { return instance_; }

  // A channel of such a name would share another one's names.
  static bool is_reserved(std::string_view channel) {
    constexpr std::array<std::string_view, 8> kBeginnings{
        "fanout:", "gateway:", "connection:", "channel:", "user:", "session:", "inbox:", "run:"};
    return channel == kEvents ||
           std::any_of(kBeginnings.begin(), kBeginnings.end(),
                       [channel](std::string_view beginning) { return channel.starts_with(beginning); });
  }

  // --- Pub/Sub ---
  std::string agents(std::string_view channel) const { return heard("", channel); }
  std::string agents(std::string_view channel, std::string_view tenant) const {
    return heard("channel:", channel, ":tenant:", tenant);
  }
  std::string fanout(std::string_view channel) const { return heard("fanout:", channel); }
  std::string gateway(std::string_view instance) const { return heard("gateway:", instance); }
  // An entry of the inbox, for event streams; and of one tenant, whose name comes last.
  std::string entries(std::string_view channel) const { return heard("inbox:", channel, "/feed"); }
  std::string entries(std::string_view channel, std::string_view tenant) const {
    return heard("inbox:", channel, "/feed/", tenant);
  }
  // That there is one, for members of groups.
  std::string notices(std::string_view channel) const { return heard("inbox:", channel, "/group"); }
  std::string notices(std::string_view channel, std::string_view tenant) const {
    return heard("inbox:", channel, "/group/", tenant);
  }
  std::string events() const { return heard("", kEvents); }
  // What becomes of a run (run_replica.h).
  std::string run_changes(std::string_view id) const { return heard("run:{", id, "}"); }
  // That a run was made for somebody who should read it (run_pushes.h).
  std::string run_pushed() const { return heard("run:pushed"); }
  // That somebody has come to a channel, or gone (presence.h).
  std::string presence_changed(std::string_view channel) const {
    return heard("channel:", channel, ":presence");
  }
  std::string session_changed() const { return heard("session:", "changed"); }

  // That there is another webhook, or one less.
  std::string webhooks_changed() const { return heard("session:", "webhooks"); }

  // --- Connections ---
  std::string connection(std::string_view id) const { return kept("connection:", id); }
  // In which partition the record of a connection is, where that is not the one of its id (whereabouts.h).
  std::string connection_place(std::string_view id) const { return kept("connection:", id, ":at"); }
  std::string user_connections(std::string_view user) const {
    return kept("user:", encode_user_id(user), kConnections);
  }
  // Of one user of one tenant (empty: none).
  std::string owner_connections(std::string_view tenant, std::string_view user) const {
    return kept("tenant:", tenant, ":user:", encode_user_id(user), kConnections);
  }
  std::string channel_connections(std::string_view channel) const {
    return kept("channel:", channel, kConnections);
  }
  std::string session_connections(std::string_view ref) const { return kept("session:", ref, kConnections); }
  std::string tenant_connections(std::string_view tenant) const {
    return kept("tenant:", tenant, kConnections);
  }
  std::string gateway_connections(std::string_view instance) const {
    return kept("gateway:", instance, kConnections);
  }
  std::string users() const { return kept("users"); }
  // All there are, and those of a tenant, in the order in which they are listed.
  std::string connections() const { return kept("connections"); }
  std::string listed_connections(std::string_view tenant) const {
    return kept("tenant:", tenant, ":connections:listed");
  }

  // --- Presence: of a channel and tenant who is on it, each as a user and an instance (presence_lua.h) ---
  std::string presence(std::string_view tenant, std::string_view channel) const {
    return kept("tenant:", tenant, ":presence:", channel);
  }
  std::string presence_revision(std::string_view tenant, std::string_view channel) const {
    return kept("tenant:", tenant, ":presence-revision:", channel);
  }
  // What an instance has in such lists.
  std::string gateway_presence(std::string_view instance) const {
    return kept("gateway:", instance, ":presence");
  }

  // --- Instances ---
  // Never there: see DialOptions::guard_key.
  std::string moving() const { return kept("moving"); }
  // Which partition this is, of how many (numbering.h).
  std::string numbering() const { return kept("partition"); }
  std::string gateways() const { return kept("gateways"); }
  std::string lease(std::string_view instance) const { return kept("gateway:", instance, ":lease"); }
  // Who removes what dead ones left.
  std::string reaper() const { return kept("reaper"); }
  // Never there: what would be refused of a write is refused of one that asks for it.
  std::string probe(std::string_view instance) const { return kept("gateway:", instance, ":probe"); }
  // What others are shown of it.
  std::string report(std::string_view instance) const { return kept("gateway:", instance, ":report"); }
  // Connections of the instance that have to close, with the code.
  std::string evicted(std::string_view instance) const { return kept("gateway:", instance, ":evicted"); }

  // --- Sessions ---
  std::string session(std::string_view digest) const { return kept("session:", digest); }
  // Their digests, by their end.
  std::string sessions() const { return kept("sessions"); }
  std::string tenant_sessions(std::string_view tenant) const { return kept("tenant:", tenant, ":sessions"); }
  std::string user_sessions(std::string_view user) const {
    return kept("user:", encode_user_id(user), ":sessions");
  }
  // The same in the order in which they were made.
  std::string sessions_made() const { return kept("sessions:made"); }
  std::string tenant_sessions_made(std::string_view tenant) const {
    return kept("tenant:", tenant, ":sessions:made");
  }
  // The digest of the session of that public reference.
  std::string session_of_ref(std::string_view ref) const { return kept("session:ref:", ref); }
  // Until when tokens of that name were issued that count no more; and the names, by their end.
  std::string revoked(std::string_view digest) const { return kept("session:revoked:", digest); }
  std::string revocations() const { return kept("revocations"); }
  std::string tenant_revocations(std::string_view tenant) const {
    return kept("tenant:", tenant, ":revocations");
  }

  // What instances seal with in an hour.
  std::string secret(uint32_t period) const { return kept("session:secret:", std::to_string(period)); }

  // --- Webhooks: all of them by their ids, and a number that each change counts up ---
  std::string webhooks() const { return kept("webhooks"); }
  std::string webhooks_revision() const { return kept("webhooks:revision"); }

  // --- Messages ---
  std::string message_id(std::string_view digest) const { return kept("session:id:", digest); }
  // A channel's stream, and what is kept beside it (inbox_scripts.cc).
  std::string inbox(std::string_view channel) const { return kept("inbox:", channel); }
  std::string dead_letters(std::string_view channel) const { return kept("inbox:", channel, ":dead"); }
  std::string inbox_places(std::string_view channel) const { return of_inbox(channel, "waiting"); }
  std::string inbox_held(std::string_view channel) const { return of_inbox(channel, "held"); }
  std::string inbox_aside(std::string_view channel) const { return of_inbox(channel, "aside"); }
  std::string inbox_fed(std::string_view channel) const { return of_inbox(channel, "fed"); }
  std::string inbox_removed(std::string_view channel) const { return of_inbox(channel, "removed"); }
  // There when it was full for a message of this instance, and others are on their way behind that one.
  std::string inbox_refused(std::string_view channel, std::string_view tenant) const {
    return kept("channel:", channel, ":inbox:refused:", instance_, "/", tenant);
  }
  // The channels whose inbox has a place.
  std::string waiting() const { return kept("waiting"); }
  std::string parked(std::string_view channel) const { return kept("channel:", channel, ":parked"); }
  // The channels that have some.
  std::string parked() const { return kept("parked"); }

  // --- Runs: what is of one has one slot of a cluster ---
  std::string run(std::string_view id) const { return kept("run:{", id, "}"); }
  std::string run_log(std::string_view id) const { return kept("run:{", id, "}:log"); }
  // Of one that was removed what it counted for, until that is undone.
  std::string run_removed(std::string_view id) const { return kept("run:{", id, "}:removed"); }
  std::string stream_producers(std::string_view id) const { return kept("run:{", id, "}:producers"); }
  // The latest runs of a thread; the digest is of audience and thread.
  std::string thread(std::string_view digest) const { return kept("thread:", digest); }
  // The open run that was asked for as this.
  std::string run_asked(std::string_view digest) const { return kept("runs:asked:", digest); }
  // The latest that were pushed to somebody (a digest).
  std::string runs_pushed(std::string_view whom) const { return kept("runs:pushed:", whom); }
  // When somebody should look at which run.
  static constexpr size_t kRunBuckets = 16;
  std::string runs_due(size_t bucket) const { return kept("runs:due:", std::to_string(bucket)); }
  // All there are, by creation.
  std::string runs() const { return kept("runs"); }
  // Those that count for `whom` (a digest, or "all"): open, and all that are kept.
  std::string runs_open(std::string_view whom) const { return kept("runs:{", whom, "}:open"); }
  std::string runs_bytes(std::string_view whom) const { return kept("runs:{", whom, "}:bytes"); }
  // Of those that are over the ones whose log is still there.
  std::string runs_logs(std::string_view whom) const { return kept("runs:{", whom, "}:logs"); }
  std::string runs_kept(std::string_view whom) const { return kept("runs:{", whom, "}:kept"); }

 private:
  static constexpr std::string_view kConnections = ":connections";
  static constexpr std::string_view kEvents = "events";

  // Pub/Sub knows no databases: what keeps the keys of two apart has to stand in its names.
  static std::string with_database(std::string prefix, uint32_t database) {
    if (database != 0) prefix.append("@").append(std::to_string(database)).append(":");
    return prefix;
  }
  std::string of_inbox(std::string_view channel, std::string_view what) const {
    return kept("channel:", channel, ":inbox:", what);
  }
  template <class... Parts>
  static std::string joined(const Parts&... parts) {
    std::string out;
    out.reserve((std::string_view(parts).size() + ...));
    (out.append(parts), ...);
    return out;
  }
  template <class... Parts>
  std::string kept(const Parts&... parts) const {
    return joined(prefix_, parts...);
  }
  template <class... Parts>
  std::string heard(const Parts&... parts) const {
    return joined(pubsub_prefix_, parts...);
  }

  const std::string prefix_;
  const std::string pubsub_prefix_;
  const std::string instance_;
};

}  // namespace gw::redis
