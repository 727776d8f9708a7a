// What agents and realms say to clients, over Redis: through the fan-out channels to the clients of every
// instance, and through each instance's own to one connection. Control loop only.
#pragma once

#include <string_view>

#include "core/client_delivery.h"
#include "engine/redis/agent_delivery.h"
#include "engine/redis/client_posts.h"
#include "engine/redis/lease.h"
#include "engine/redis/prober.h"
#include "engine/redis/registry.h"

namespace gw::redis {

class ClientDelivery final : public gw::ClientDelivery {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    Client& messages;
    Client& pushes;
    Subscriptions& subscriptions;
    Lease& lease;
    Registry& registry;
    // A connection of this instance, whichever partition has its record; null: there is none.
    std::function<const ConnectionRecord*(const ConnectionId&)> find_local;
    const Keys& keys;
    const ChannelTable& channels;
    AgentDelivery& agents;
    Prober& prober;
  };

  // Larger messages would close their receivers: whoever publishes into Redis is not checked by anybody else.
  ClientDelivery(Parts parts, size_t message_bytes_max);

  // One of the table's, and of this partition's.
  void add_channel(ChannelIndex channel);
  void attach(Local local) override { local_ = std::move(local); }
  void publish(Publication publication, Done<Missed> done) override;
  void send(const ConnectionRecord& record, std::string_view message, Done<void> done) override;
  void post(ClientPost post, Done<PostVerdict> done) override;

  // One of the connections is lost.
  void on_engine_lost() { local_.engine_lost(); }

 private:
  // False: the shards are behind; it is offered again.
  bool taken(const Result<void>& delivered);
  void not_heard(const std::string& instance, Done<void> done);
  bool on_fanout(ChannelIndex channel, std::string_view payload);
  bool on_own(std::string_view payload);
  void on_subscribed_again(ChannelIndex channel);

  const Parts parts_;
  const size_t message_bytes_max_;
  Local local_;
  ClientPosts posts_;
  EventLoop::Registration offer_again_;
};

}  // namespace gw::redis
