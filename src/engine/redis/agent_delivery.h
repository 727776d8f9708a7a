// Clients' messages to agents over Redis, through Pub/Sub and the inbox stream; and the agents that listen
// through this instance. Control loop only.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/agent_delivery.h"
#include "core/client_delivery.h"
#include "core/dedupe_window.h"
#include "engine/redis/agent_feeds.h"
#include "engine/redis/by_channel.h"
#include "engine/redis/channel_sender.h"
#include "engine/redis/inbox.h"
#include "engine/redis/lease.h"
#include "engine/redis/stream_feeds.h"

namespace gw::redis {

struct AgentDeliveryOptions {
  SenderOptions sender;
  DedupeWindow::Options dedupe;
  Duration inbox_age = 24h;
  Duration ack_wait = GroupMembers::kAckWait;
  size_t inbox_replicas = 0;  // that have to have a message before it counts as published
};

class AgentDelivery final : public gw::AgentDelivery {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    Client& messages;
    Client& commands;
    Subscriptions& subscriptions;
    Lease& lease;
    const Keys& keys;
    const ChannelTable& channels;
  };

  AgentDelivery(Parts parts, const AgentDeliveryOptions& options);

  // One of the table's, and of this partition's.
  void add_channel(ChannelIndex channel);

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
  void stop_agents(Done<void> done) override;
  void park_waiting(Done<size_t> done) override;
  ChannelStats stats(ChannelIndex channel, std::string_view tenant = {}) const override;

  // A realm's publication to the agents: nobody waits for it, and it does not wait for any.
  void announce(const Publication& publication);
  // The command connection is there (again).
  void on_up();
  // So is what Pub/Sub brings.
  void on_subscribed();
  // A probe has proven that Redis takes writes.
  void on_engine_works(TimePoint now);
  // Tries again, expires, claims, reads on; every 100 ms or so.
  void tick(TimePoint now);

 private:
  void unsubscribe(SubscriptionId id) override;
  // By what the window knows them by, which is random already.
  using Print = DedupeWindow::Print;
  struct PrintHash {
    size_t operator()(const Print& print) const { return print.low; }
  };
  struct OnItsWay {
    Done<Submitted> done;
    uint64_t sender = 0;
    std::string run_message_id;          // when it makes a run
    std::vector<Done<Submitted>> again;  // the same id, which waits for what becomes of it
  };

  void resolve(const Print& print, const Result<Submitted>& outcome);
  void tidy(TimePoint now);
  void unpark();
  void release(ChannelIndex channel);

  const Parts parts_;
  const AgentDeliveryOptions options_;
  ReplicaWait replica_wait_;
  ByChannel<ChannelSender> senders_;
  ByChannel<Inbox> inboxes_;             // none without streams
  ByChannel<StreamFeeds> stream_feeds_;  // the same
  AgentFeeds feeds_;                     // without streams
  std::unordered_map<SubscriptionId, AgentSubscription> agents_;
  SubscriptionId next_subscription_ = 1;
  DedupeWindow dedupe_;
  std::unordered_map<Print, OnItsWay, PrintHash> resolving_;
  bool stopping_agents_ = false;
  TimePoint unparked_at_;
  TimePoint released_at_;
  EventLoop::Registration stop_timeout_;
};

}  // namespace gw::redis
