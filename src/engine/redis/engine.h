// The Redis engine: one partition (partition.h) or several, and above them what there is once: runs, which
// find the partitions of their parts themselves, and webhooks, which are in the first. Of one partition the
// interfaces are its own; of several they choose by name (partitioned/). Control loop only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/engine.h"
#include "engine/redis/engine_options.h"
#include "engine/redis/partitioned/interfaces.h"
#include "engine/redis/partitions.h"
#include "engine/redis/run_store.h"
#include "engine/redis/webhook_store.h"

namespace gw::redis {

class Engine final : public gw::Engine {
 public:
  Engine(EventLoop& loop, const ChannelTable& channels, const EngineOptions& options);

  const EngineTraits& traits() const override { return traits_; }
  gw::AgentDelivery& agents() override { return *agents_; }
  gw::ClientDelivery& clients() override { return *clients_; }
  gw::Presence& presence() override { return *presence_; }
  gw::Registry& registry() override { return *registry_; }
  gw::SessionStore& sessions() override { return *sessions_; }
  gw::RevocationStore& revocations() override { return *revocations_; }
  gw::RunStore& runs() override { return runs_; }
  gw::StreamStore& streams() override { return runs_.streams(); }
  gw::WebhookStore& webhooks() override { return webhooks_; }

  void add_channel(ChannelIndex channel) override { partitions_.add_channel(channel); }
  void start() override;
  void leave(std::function<void()> done) override;
  void probe(Done<void> done) override;
  EngineStats stats() const override;
  void shared_secret(uint32_t period, Done<Digest> done) override;
  void report(std::string text) override { partitions_.working().report(std::move(text)); }
  void reports(Done<std::vector<std::string>> done) override {
    partitions_.working().reports(std::move(done));
  }

 private:
  Partition::Shared shared(const ChannelTable& channels);
  void choose_interfaces();
  EngineTraits make_traits() const;
  RunPlaces places() const;
  void start(Partition& partition);
  void tick();

  EventLoop& loop_;
  std::optional<ClusterMap> cluster_;  // of such an address
  PresenceCounts presence_counts_;
  const Partition::Shared shared_;
  Partitions partitions_;
  std::optional<partitioned::Interfaces> several_;
  // Of the one partition, or of the several.
  gw::AgentDelivery* agents_;
  gw::ClientDelivery* clients_;
  gw::Presence* presence_;
  gw::Registry* registry_;
  gw::SessionStore* sessions_;
  gw::RevocationStore* revocations_;
  const EngineTraits traits_;
  WebhookStore webhooks_;
  const RunPlaces places_;
  RunStore runs_;
  EventLoop::Registration tick_;
};

}  // namespace gw::redis
