// Clients' messages to agents over several partitions: each channel has one. Control loop only.
#pragma once

#include "engine/redis/partitions.h"

namespace gw::redis::partitioned {

class AgentDelivery final : public gw::AgentDelivery {
 public:
  // They outlive it.
  explicit AgentDelivery(const Partitions& partitions) : partitions_(partitions) {}

  void submit(AgentMessage message, Done<Submitted> done) override {
    of(message.channel).submit(std::move(message), std::move(done));
  }
  void find_duplicate(const std::string& dedupe_key, bool everywhere, Done<Submitted> done) override;
  [[nodiscard]] SubscriptionHandle subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                             Done<void> done) override {
    return of(subscription.channel).subscribe(std::move(subscription), std::move(sink), std::move(done));
  }
  void acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                   Done<size_t> done) override {
    of(group.channel).acknowledge(group, ids, std::move(done));
  }
  void working(const AgentSubscription& group, const std::vector<std::string>& ids,
               Done<size_t> done) override {
    of(group.channel).working(group, ids, std::move(done));
  }
  void give_up(const AgentSubscription& group, const std::vector<std::string>& ids, std::string_view reason,
               Done<size_t> done) override {
    of(group.channel).give_up(group, ids, reason, std::move(done));
  }
  void stop_agents(Done<void> done) override;
  void park_waiting(Done<size_t> done) override;
  ChannelStats stats(ChannelIndex channel, std::string_view tenant = {}) const override {
    return of(channel).stats(channel, tenant);
  }

 private:
  // Handles are the partition's own.
  void unsubscribe(SubscriptionId) override {}
  redis::AgentDelivery& of(ChannelIndex channel) const { return partitions_.of(channel).agents(); }

  const Partitions& partitions_;
};

}  // namespace gw::redis::partitioned
