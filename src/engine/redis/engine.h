// The Redis engine: three connections (messages, state, what Pub/Sub pushes), the lease, and what stands on
// them. The parts' order of life is written here and nowhere else. Control loop only.
#pragma once

#include "engine/redis/broker.h"
#include "engine/redis/session_store.h"

namespace gw::redis {

struct EngineOptions {
  Url url;
  std::string ca_file;  // empty: the system's certificates
  std::string key_prefix = "websocket:";
  std::string instance_id;
  SessionStoreOptions sessions;
  BrokerOptions broker;
};

class Engine {
 public:
  Engine(EventLoop& loop, const ChannelTable& channels, const EngineOptions& options);

  gw::Broker& broker() { return broker_; }
  gw::Registry& registry() { return registry_; }
  gw::SessionStore& sessions() { return sessions_; }

  // Connects, and goes on trying; until it has, everything answers `unavailable`.
  void start();
  // Takes this instance out of Redis. `done` when Redis has it, or soon after.
  void leave(std::function<void()> done);

 private:
  DialOptions dial_options(const EngineOptions& options, std::string_view kind);
  void on_up();
  void on_lost();
  void on_fresh();
  void on_subscribed();

  EventLoop& loop_;
  const Keys keys_;
  Sentinels sentinels_;
  Client messages_;  // a backlog of these delays nothing else
  Client commands_;
  Client pushes_;
  Lease lease_;
  Subscriptions subscriptions_;
  Registry registry_;
  SessionStore sessions_;
  Broker broker_;
  std::string server_run_id_;
  EventLoop::Registration leaving_;
};

}  // namespace gw::redis
