// Clients' messages of a gateway that runs alone: agents are streams of this process, what finds none waits
// here. Control loop only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/channel_queue.h"
#include "core/client_delivery.h"
#include "core/dedupe_window.h"
#include "engine/memory/agent_group.h"
#include "net/event_loop.h"

namespace gw::memory {

struct AgentDeliveryOptions {
  ChannelQueue::Options queue;
  DedupeWindow::Options dedupe;
  Duration ack_wait = GroupMembers::kAckWait;
};

// A message that nobody shares until somebody keeps it: what goes straight to agents' streams is not kept.
class SharableMessage {
 public:
  explicit SharableMessage(AgentMessage message) : own_(std::move(message)) {}
  explicit SharableMessage(AgentMessagePtr shared) : shared_(std::move(shared)) {}

  const AgentMessage& operator*() const { return shared_ ? *shared_ : own_; }
  const AgentMessage* operator->() const { return &**this; }
  // Moves it: what refers to it before, does not any more.
  const AgentMessagePtr& share() {
    if (!shared_) shared_ = std::make_shared<const AgentMessage>(std::move(own_));
    return shared_;
  }

 private:
  AgentMessage own_;
  AgentMessagePtr shared_;  // null: it is own_
};

class AgentDelivery final : public gw::AgentDelivery {
 public:
  AgentDelivery(EventLoop& loop, const ChannelTable& channels, const AgentDeliveryOptions& options);

  void submit(AgentMessage message, Done<Submitted> done) override;
  void expect(std::string_view dedupe_key) override { dedupe_.expect(dedupe_key); }
  void find_duplicate(const std::string& dedupe_key, bool everywhere, Done<Submitted> done) override;
  [[nodiscard]] SubscriptionHandle subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                             Done<void> done) override;
  void acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                   Done<size_t> done) override;
  void working(const AgentSubscription& group, const std::vector<std::string>& ids,
               Done<size_t> done) override;
  void give_up(const AgentSubscription& group, const std::vector<std::string>& ids, std::string_view reason,
               Done<size_t> done) override;
  // Its agents' messages are only ever here: they are taken until the end.
  void stop_agents(Done<void> done) override { done({}); }
  void park_waiting(Done<size_t> done) override;
  ChannelStats stats(ChannelIndex channel, std::string_view tenant = {}) const override;

  void add_channel(const std::string& name) {
    channels_.push_back({name, {}, {}, ChannelQueue(options_.queue), 0});
  }
  // A realm's publication to the agents that are here: it does not wait for any.
  void announce(const Publication& publication);
  // Delivers again, tries again, drops what is too old; every 250 ms or so.
  void tick(TimePoint now);

 private:
  void unsubscribe(SubscriptionId id) override;

  struct Subscriber {
    SubscriptionId id;
    std::string tenant_id;
    std::weak_ptr<AgentSink> sink;
  };
  struct Channel {
    std::string name;
    std::vector<Subscriber> subscribers;  // without a group: each gets every message
    std::map<GroupKey, AgentGroup> groups;
    ChannelQueue queue;
    uint64_t dead_letters_total = 0;
  };
  // Of one channel and tenant.
  static constexpr size_t kGroupsMax = 100;

  AgentGroup::Limits group_limits() const;
  static size_t count_groups(const Channel& channel, const std::string& tenant);
  static bool has_agents(const Channel& channel);
  bool join_group(Channel& channel, SubscriptionId id, const AgentSubscription& subscription,
                  std::weak_ptr<AgentSink> sink);
  bool offer(Channel& channel, SharableMessage& message);
  void deliver_waiting(Channel& channel, TimePoint now);
  static void tick_groups(Channel& channel, TimePoint now);

  EventLoop& loop_;
  const AgentDeliveryOptions options_;
  std::deque<Channel> channels_;  // by their index; none moves when one is added
  std::unordered_map<SubscriptionId, AgentSubscription> subscriptions_;
  SubscriptionId next_subscription_ = 1;
  DedupeWindow dedupe_;
};

}  // namespace gw::memory
