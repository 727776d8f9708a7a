// Messages of a gateway that runs alone: agents are streams of this process, what finds none waits here.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/broker.h"
#include "core/dedupe_window.h"
#include "engine/memory/agent_group.h"

namespace gw {

struct BrokerOptions {
  size_t queue_size = 1000;
  size_t queue_bytes = size_t{16} << 20;
  Duration queue_age = 300s;
  DedupeWindow::Options dedupe;
};

class MemoryBroker final : public Broker {
 public:
  MemoryBroker(const ChannelTable& channels, const BrokerOptions& options);

  void attach(Local local) override { local_ = std::move(local); }
  void submit(AgentMessage message, Done<Submitted> done) override;
  void publish(Publication publication, Done<Missed> done) override;
  void send(const ConnectionRecord& record, std::string_view message, Done<void> done) override;
  [[nodiscard]] SubscriptionHandle subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                             Done<void> done) override;
  void acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                   Done<size_t> done) override;
  // Its agents' messages are only ever here: they are taken until the end.
  void retire(Done<void> done) override { done({}); }
  ChannelStats stats(ChannelIndex channel) const override;
  void probe(Done<void> done) override { done({}); }
  EngineStats engine_stats() const override { return {.kind = "memory"}; }
  void tick(TimePoint now) override;
  void close(Done<size_t> done) override;

 private:
  void unsubscribe(SubscriptionId id) override;

  struct Subscriber {
    SubscriptionId id;
    std::string tenant_id;
    std::weak_ptr<AgentSink> sink;
  };
  struct Waiting {
    AgentEntry entry;
    TimePoint since;
  };
  struct Channel {
    std::vector<Subscriber> subscribers;  // without a group: each gets every message
    std::map<GroupKey, AgentGroup> groups;
    std::deque<Waiting> queue;  // of client messages that found nobody
    size_t queue_bytes = 0;
  };

  // A full group holds its channel back, rather than losing a message it was promised.
  static bool busy(const Channel& channel, const AgentEntry& entry);
  // Hands the entry to every subscriber and every group that it concerns. False: nobody took it.
  bool offer(Channel& channel, const AgentEntry& entry);
  bool enqueue(Channel& channel, AgentEntry entry);
  void drain(Channel& channel);
  void expire(Channel& channel);

  const BrokerOptions options_;
  Local local_;
  std::vector<Channel> channels_;
  std::unordered_map<SubscriptionId, AgentSubscription> subscriptions_;
  SubscriptionId next_subscription_ = 1;
  DedupeWindow dedupe_;
  TimePoint now_;  // as of the last tick
};

}  // namespace gw
