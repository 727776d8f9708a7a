// A partition of the Redis engine, or all of it: one server, or the slot of a cluster that its names are in.
// It has three connections (messages, state, what Pub/Sub pushes), the lease, and what stands on them. Its
// parts' order of life is written here and nowhere else. Control loop only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/engine.h"
#include "engine/redis/client_delivery.h"
#include "engine/redis/engine_options.h"
#include "engine/redis/numbering.h"
#include "engine/redis/partitioning.h"
#include "engine/redis/presence.h"
#include "engine/redis/prober.h"
#include "engine/redis/revocation_store.h"
#include "engine/redis/session_store.h"

namespace gw::redis {

struct PartitionOptions {
  Url url;
  size_t index = 0;
  size_t count = 1;
  std::string key_prefix;  // with the hash tag, where it has one
  EngineOptions engine;    // whose limits are this partition's share
};

class Partition {
 public:
  // What an instance's partitions share; outlives them.
  struct Shared {
    EventLoop& loop;
    const ChannelTable& channels;
    ClusterMap* cluster;  // null: they are servers
    PresenceCounts& presence;
    // Of a connection of this instance, whichever partition has its record; null: there is none.
    std::function<const ConnectionRecord*(const ConnectionId&)> find_local;
    // Of all connections of this instance the sessions that this partition keeps.
    std::function<void(const Partition&, const std::function<void(const SessionPtr&)>&)> each_session;
  };
  struct Events {
    std::function<void()> on_messages_up;
    std::function<void()> on_commands_up;
    std::function<void()> on_subscribed;  // to everything (again): some may have been missed
    std::function<void()> on_forgotten;   // whatever of this instance was there may be gone
  };

  Partition(const Shared& shared, const PartitionOptions& options);

  AgentDelivery& agents() { return agents_; }
  ClientDelivery& clients() { return clients_; }
  Presence& presence() { return presence_; }
  Registry& registry() { return registry_; }
  SessionStore& sessions() { return sessions_; }
  RevocationStore& revocations() { return revocations_; }
  Client& messages() { return messages_; }
  Client& commands() { return commands_; }
  Subscriptions& subscriptions() { return subscriptions_; }
  const Keys& keys() const { return keys_; }
  size_t index() const { return index_; }
  // For whoever runs the gateway.
  const std::string& name() const { return name_; }

  bool has(std::string_view name) const { return partition_of(name, count_) == index_; }
  // One of its own.
  void add_channel(ChannelIndex channel);
  void start(Events events);
  // Every 100 ms or so.
  void tick();
  void leave(std::function<void()> done);
  void probe(Done<void> done) { prober_.ask(std::move(done)); }
  // Every connection is there.
  bool is_connected() const;
  // And whatever of this instance has to be known there.
  bool works() const { return prober_.is_ready(); }
  EngineStats stats() const;
  // As the engine's.
  void shared_secret(uint32_t period, Done<Digest> done);
  void report(std::string text);
  void reports(Done<std::vector<std::string>> done);

 private:
  DialOptions dial_options(const PartitionOptions& options, std::string_view kind);
  void start_commands();
  void start_others();
  void on_up();
  void on_agreed();
  void on_lost();
  void on_subscribed();

  const Shared& shared_;
  EventLoop& loop_;
  const size_t index_, count_;
  const Keys keys_;
  const std::string name_;
  Sentinels sentinels_;
  Client messages_;  // a backlog of these delays nothing else
  Client commands_;
  Client pushes_;
  std::optional<Numbering> numbering_;  // of several
  Lease lease_;
  Subscriptions subscriptions_;
  Presence presence_;
  Registry registry_;
  SessionStore sessions_;
  RevocationStore revocations_;
  AgentDelivery agents_;
  Prober prober_;
  ClientDelivery clients_;
  Events events_;
  bool is_started_ = false;  // all connections
  std::string server_run_id_;
  EventLoop::Registration leaving_;
};

}  // namespace gw::redis
