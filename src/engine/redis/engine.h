// The Redis engine: three connections (messages, state, what Pub/Sub pushes), the lease, and what stands on
// them. The parts' order of life is written here and nowhere else. Control loop only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/engine.h"
#include "engine/redis/agent_delivery.h"
#include "engine/redis/client_delivery.h"
#include "engine/redis/presence.h"
#include "engine/redis/prober.h"
#include "engine/redis/revocation_store.h"
#include "engine/redis/run_store.h"
#include "engine/redis/session_store.h"
#include "engine/redis/webhook_store.h"

namespace gw::redis {

struct EngineOptions {
  Url url;
  std::string ca_file;  // empty: the system's certificates
  std::string key_prefix = "websocket:";
  std::string instance_id;
  PresenceOptions presence;
  SessionStoreOptions sessions;
  RevocationStoreOptions revocations;
  WebhookStoreOptions webhooks;
  AgentDeliveryOptions agents;
  RunStoreOptions runs;
  size_t message_bytes_max = size_t{512} << 10;  // for clients
};

class Engine final : public gw::Engine {
 public:
  Engine(EventLoop& loop, const ChannelTable& channels, const EngineOptions& options);

  const EngineTraits& traits() const override { return traits_; }
  AgentDelivery& agents() override { return agents_; }
  ClientDelivery& clients() override { return clients_; }
  Presence& presence() override { return presence_; }
  Registry& registry() override { return registry_; }
  SessionStore& sessions() override { return sessions_; }
  RevocationStore& revocations() override { return revocations_; }
  RunStore& runs() override { return runs_; }
  gw::StreamStore& streams() override { return runs_.streams(); }
  gw::WebhookStore& webhooks() override { return webhooks_; }

  void add_channel(ChannelIndex channel) override;
  void start() override;
  void leave(std::function<void()> done) override;
  void probe(Done<void> done) override { prober_.ask(std::move(done)); }
  EngineStats stats() const override;
  void report(std::string text) override;
  void reports(Done<std::vector<std::string>> done) override;

 private:
  DialOptions dial_options(const EngineOptions& options, std::string_view kind);
  void on_up();
  void on_lost();
  void on_fresh();
  void on_subscribed();
  void tick();

  EventLoop& loop_;
  const ChannelTable& channels_;
  const Keys keys_;
  const EngineTraits traits_;
  Sentinels sentinels_;
  std::optional<ClusterMap> cluster_;
  Client messages_;  // a backlog of these delays nothing else
  Client commands_;
  Client pushes_;
  Lease lease_;
  Subscriptions subscriptions_;
  Presence presence_;
  Registry registry_;
  SessionStore sessions_;
  RevocationStore revocations_;
  WebhookStore webhooks_;
  AgentDelivery agents_;
  Prober prober_;
  ClientDelivery clients_;
  RunStore runs_;
  std::string server_run_id_;
  EventLoop::Registration tick_;
  EventLoop::Registration leaving_;
};

}  // namespace gw::redis
