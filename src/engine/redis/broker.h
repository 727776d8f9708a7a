// Messages over Redis: clients' to agents through Pub/Sub (and the inbox stream), agents' to the clients of
// every instance through the fan-out channels and each instance's own. Control loop only.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "core/broker.h"
#include "core/dedupe_window.h"
#include "engine/redis/agent_feeds.h"
#include "engine/redis/channel_sender.h"
#include "engine/redis/inbox.h"
#include "engine/redis/lease.h"
#include "engine/redis/prober.h"
#include "engine/redis/registry.h"
#include "engine/redis/stream_feeds.h"

namespace gw::redis {

struct BrokerOptions {
  SenderOptions sender;
  DedupeWindow::Options dedupe;
  Duration inbox_age = 24h;
  size_t inbox_replicas = 0;  // that have to have a message before it counts as published
  // Larger ones would close their receivers: whoever publishes into Redis is not checked by anybody else.
  size_t message_bytes_max = size_t{512} << 10;
};

// The parts it works with; all outlive it.
struct BrokerParts {
  EventLoop& loop;
  Client& messages;
  Client& commands;
  Client& pushes;
  Subscriptions& subscriptions;
  Lease& lease;
  Registry& registry;
  const Keys& keys;
  const ChannelTable& channels;
};

class Broker final : public gw::Broker {
 public:
  Broker(BrokerParts parts, const BrokerOptions& options);

  void attach(Local local) override { local_ = std::move(local); }
  void submit(AgentMessage message, Done<Submitted> done) override;
  void publish(Publication publication, Done<Missed> done) override;
  void send(const ConnectionRecord& record, std::string_view message, Done<void> done) override;
  [[nodiscard]] SubscriptionHandle subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                             Done<void> done) override;
  void acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                   Done<size_t> done) override;
  void stop_agents(Done<void> done) override;
  ChannelStats stats(ChannelIndex channel, std::string_view tenant = {}) const override;
  void probe(Done<void> done) override { prober_.ask(std::move(done)); }
  EngineStats engine_stats() const override;
  void tick(TimePoint now) override;
  void park_waiting(Done<size_t> done) override;

  // The command connection is there (again).
  void on_up();
  // So is what Pub/Sub brings.
  void on_subscribed();
  void on_connection_down();
  void on_subscriptions_down();
  // What was published to the channel's clients in the meantime is missed; what comes from here on is not.
  void on_subscribed_again(ChannelIndex channel);
  // The server is another one from now on.
  void move(const Error& why) { prober_.move(why); }
  // This connection is up.
  void on_connection_up(const Client& newest) { prober_.on_up(newest); }

 private:
  void unsubscribe(SubscriptionId id) override;
  bool may_deliver() const { return parts_.lease.is_fresh(); }
  // False: the shards are behind; it is offered again.
  bool taken(const Result<void>& delivered);
  void not_heard(const std::string& instance, Done<void> done);
  bool on_fanout(ChannelIndex channel, std::string_view payload);
  bool on_own(std::string_view payload);
  void resolve(const std::string& key, const Result<Submitted>& outcome);
  void unpark();
  void release(ChannelIndex channel);

  const BrokerParts parts_;
  const BrokerOptions options_;
  Local local_;
  ReplicaWait replica_wait_;
  std::vector<std::unique_ptr<ChannelSender>> senders_;     // by channel
  std::vector<std::unique_ptr<Inbox>> inboxes_;             // by channel; none without streams
  std::vector<std::unique_ptr<StreamFeeds>> stream_feeds_;  // the same
  AgentFeeds feeds_;                                        // without streams
  std::unordered_map<SubscriptionId, AgentSubscription> agents_;
  SubscriptionId next_subscription_ = 1;
  DedupeWindow dedupe_;
  // Messages with these ids are on their way; the same ids again wait for what becomes of them.
  std::unordered_map<std::string, std::vector<Done<Submitted>>> resolving_;
  Prober prober_;
  bool stopping_agents_ = false;
  TimePoint unparked_at_;
  TimePoint released_at_;
  EventLoop::Registration tick_;
  EventLoop::Registration offer_again_;
  EventLoop::Registration stop_timeout_;
};

}  // namespace gw::redis
