// The engine of a gateway that runs alone: everything is in this process and ends with it. Control loop only.
#pragma once

#include <functional>
#include <string>

#include "base/hmac.h"
#include "base/random.h"
#include "core/engine.h"
#include "engine/memory/agent_delivery.h"
#include "engine/memory/client_delivery.h"
#include "engine/memory/presence.h"
#include "engine/memory/registry.h"
#include "engine/memory/revocation_store.h"
#include "engine/memory/run_store.h"
#include "engine/memory/session_store.h"
#include "engine/memory/webhook_store.h"
#include "engine/redis/keys.h"
#include "net/event_loop.h"

namespace gw::memory {

struct EngineOptions {
  std::string instance_id;
  std::string key_prefix = "websocket:";
  AgentDeliveryOptions agents;
  SessionStoreOptions sessions;
  RevocationStoreOptions revocations;
  WebhookStoreOptions webhooks;
  RunStoreOptions runs;
  PresenceOptions presence = {};
};

class Engine final : public gw::Engine {
 public:
  Engine(EventLoop& loop, const ChannelTable& channels, const EngineOptions& options)
      : loop_(loop),
        channels_(channels),
        traits_(traits(redis::Keys(options.key_prefix, options.instance_id, 0))),
        agents_(loop, channels, options.agents),
        clients_(agents_, options.instance_id),
        presence_(loop, options.presence),
        registry_(channels, options.instance_id, presence_.counts()),
        sessions_(loop, options.sessions),
        revocations_(loop, options.revocations),
        webhooks_(options.webhooks),
        runs_(loop, channels, options.runs) {}

  const EngineTraits& traits() const override { return traits_; }
  AgentDelivery& agents() override { return agents_; }
  ClientDelivery& clients() override { return clients_; }
  Presence& presence() override { return presence_; }
  Registry& registry() override { return registry_; }
  SessionStore& sessions() override { return sessions_; }
  RevocationStore& revocations() override { return revocations_; }
  RunStore& runs() override { return runs_; }
  StreamStore& streams() override { return runs_; }
  gw::WebhookStore& webhooks() override { return webhooks_; }

  void add_channel(ChannelIndex channel) override { agents_.add_channel(channels_.name(channel)); }
  void start() override {
    tick_ = loop_.every(kTickEvery, [this] {
      agents_.tick(loop_.now());
      sessions_.tick(loop_.wall_now());
      revocations_.tick(loop_.wall_now());
      runs_.tick();
    });
  }
  // What waited has been counted by park_waiting(); nothing of it is anywhere else.
  void leave(std::function<void()> done) override { done(); }
  void probe(Done<void> done) override { done({}); }
  EngineStats stats() const override { return {}; }
  void shared_secret(uint32_t period, Done<Digest> done) override {
    done(hmac_sha256(secret_, std::to_string(period)));
  }
  void report(std::string text) override { report_ = std::move(text); }
  void reports(Done<std::vector<std::string>> done) override {
    done(report_.empty() ? std::vector<std::string>() : std::vector{report_});
  }

 private:
  static constexpr Duration kTickEvery = 250ms;

  // Nobody listens to these; envelopes and answers look alike on both engines.
  static EngineTraits traits(const redis::Keys& names) {
    return {"memory", false, [names](std::string_view channel) { return names.agents(channel); },
            names.gateway(names.instance())};
  }

  EventLoop& loop_;
  const ChannelTable& channels_;
  const EngineTraits traits_;
  AgentDelivery agents_;
  ClientDelivery clients_;
  Presence presence_;
  Registry registry_;
  SessionStore sessions_;
  RevocationStore revocations_;
  WebhookStore webhooks_;
  RunStore runs_;
  const std::string secret_ = secure_random_hex(32);
  std::string report_;
  EventLoop::Registration tick_;
};

}  // namespace gw::memory
