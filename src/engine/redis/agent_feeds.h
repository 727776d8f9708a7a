// Agents that listen through this instance's event streams, without a group: each gets every message of its
// channel that Redis's Pub/Sub brings. Control loop only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "core/agent_delivery.h"
#include "engine/redis/keys.h"
#include "engine/redis/subscriptions.h"

namespace gw::redis {

class AgentFeeds {
 public:
  AgentFeeds(Subscriptions& subscriptions, const Keys& keys, const ChannelTable& channels)
      : subscriptions_(subscriptions), keys_(keys), channels_(channels) {}

  // Asked before anything is delivered: false holds the message back.
  void gate(std::function<bool()> may_deliver) { may_deliver_ = std::move(may_deliver); }
  // Nothing is delivered before `done`, and neither is called once it has been removed.
  void add(SubscriptionId id, const AgentSubscription& subscription, std::weak_ptr<AgentSink> sink,
           Done<void> done);
  // Nothing happens for an id that is not here.
  void remove(SubscriptionId id);
  // Leaves every channel; `done` when nothing more can come, what was on its way delivered.
  void retire(std::function<void()> done);
  // `tenant`: those bound to it; empty: all.
  size_t size(ChannelIndex channel, std::string_view tenant) const;

 private:
  struct Reader {
    SubscriptionId id;
    std::weak_ptr<AgentSink> sink;
    bool open = false;     // Redis has confirmed
    bool returns = false;  // it has had messages before
  };
  struct Feed {
    ChannelIndex channel;
    std::vector<Reader> readers;
  };

  void on_added(const std::string& name, SubscriptionId id, const Result<void>& added,
                const Done<void>& done);
  bool deliver(const std::string& name, std::string_view envelope);

  Subscriptions& subscriptions_;
  const Keys& keys_;
  const ChannelTable& channels_;
  std::function<bool()> may_deliver_;
  std::map<std::string, Feed> feeds_;  // by Pub/Sub name
};

}  // namespace gw::redis
