// Interface: moves messages between clients, agents and instances. Control loop only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "core/channel.h"
#include "core/done.h"
#include "core/registry.h"

namespace gw {

// A client's message for the agents of a channel.
struct AgentMessage {
  ChannelIndex channel = 0;
  std::string tenant_id;  // of the sender's session; empty: none
  std::string message_id;
  std::string envelope;                   // what the agent receives, whole
  std::optional<std::string> dedupe_key;  // scope and client id; absent: never a duplicate
  bool dedupe_everywhere = false;         // the same client may come back on another instance
  uint64_t sender = 0;  // the same for all messages of a session, or a connection without one
};

// published: at least one live receiver has it. queued: it waits for one.
enum class Submitted : uint8_t { published, queued, duplicate };

// What a realm says to a channel: to its clients on every instance and to its agents.
struct Publication {
  ChannelIndex channel = 0;
  std::string tenant_id;  // only clients and agents of it; empty: all
  std::string source;     // the realm
  std::string message;    // for clients, byte for byte
  std::string envelope;   // for agents
  std::string message_id;
};

// One agent's open stream. The engine calls it and never owns it: one that is gone is not called.
class AgentSink {
 public:
  virtual ~AgentSink() = default;
  // False: it can take no more now (its buffer is full or it is gone). `id` is what to acknowledge. Must not
  // call the broker: the engine is in the middle of its lists.
  virtual bool deliver(std::string_view id, std::string_view envelope) = 0;
  // Before the first message: what came since the subscription's last_event_id cannot all be given.
  virtual void missed() {}
  // It refused a message that others have: its stream has a hole and must end. May unsubscribe.
  virtual void fell_behind() = 0;
};

struct AgentSubscription {
  ChannelIndex channel = 0;
  std::string group;      // empty: every subscriber gets every message
  std::string tenant_id;  // only messages of that tenant; empty: all
  // Without a group: the id of the last message that this agent had; empty: it says nothing.
  std::string last_event_id = {};
};

struct ChannelStats {
  size_t queue_size = 0;
  size_t queue_bytes = 0;
  size_t queue_max = 0;
  std::string_view circuit_state = "closed";  // closed, open, half_open
  size_t failure_count = 0;
  size_t agents = 0;
  size_t unacknowledged = 0;        // delivered to groups, not yet acknowledged
  uint64_t dead_letters_total = 0;  // what groups gave up
};

// The server behind an engine that has one; for metrics.
struct EngineStats {
  std::string_view kind;
  bool connected = true;
  uint64_t commands_total = 0;
  uint64_t errors_total = 0;  // error answers
  uint64_t losses_total = 0;  // connections lost
  size_t pending = 0;         // commands without an answer yet
};

using Missed = std::vector<std::string>;  // instance ids

using SubscriptionId = uint64_t;

class Broker;

// An agent's subscription, from the call on. When it goes, confirmed or not, the subscription ends: neither
// its `done` nor its sink is called any more. The broker outlives it.
class SubscriptionHandle {
 public:
  SubscriptionHandle() = default;
  SubscriptionHandle(Broker& broker, SubscriptionId id) : broker_(&broker), id_(id) {}
  SubscriptionHandle(SubscriptionHandle&& other) noexcept
      : broker_(std::exchange(other.broker_, nullptr)), id_(other.id_) {}
  SubscriptionHandle& operator=(SubscriptionHandle&& other) noexcept {
    std::swap(broker_, other.broker_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~SubscriptionHandle() { reset(); }
  void reset();

 private:
  Broker* broker_ = nullptr;  // null: none
  SubscriptionId id_ = 0;
};

class Broker {
 public:
  // What reaches this instance for its own connections.
  struct Local {
    std::function<Result<void>(const Publication&)> publish;  // resource_exhausted: the shards are behind
    std::function<Result<void>(const ConnectionHandle&, std::string_view message)> send;
    std::function<void()> engine_lost = [] {};                    // as a failed probe, but at once
    std::function<void(ChannelIndex)> gap = [](ChannelIndex) {};  // publications to it may have been missed
  };

  virtual ~Broker() = default;
  virtual void attach(Local local) = 0;

  // resource_exhausted: the channel's queue is full.
  virtual void submit(AgentMessage message, Done<Submitted> done) = 0;
  // To the subscribed connections of every instance and to the channel's agents.
  // Answers which live instances it did not reach: their clients missed it. unavailable: it reached none.
  virtual void publish(Publication publication, Done<Missed> done) = 0;
  // To one connection, on whichever instance it is.
  virtual void send(const ConnectionRecord& record, std::string_view message, Done<void> done) = 0;

  // Nothing is delivered before `done`, which may come within the call. What waits in the channel's queue is
  // delivered first, in order.
  [[nodiscard]] virtual SubscriptionHandle subscribe(AgentSubscription subscription,
                                                     std::weak_ptr<AgentSink> sink, Done<void> done) = 0;
  // These ids of the group are done; answers how many were open.
  virtual void acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                           Done<size_t> done) = 0;

  // Takes no new agents, and no more messages for those that are here; what was on its way to them has been
  // delivered when it answers.
  virtual void stop_agents(Done<void> done) = 0;

  // `tenant`: the amounts that are its own; empty: all.
  virtual ChannelStats stats(ChannelIndex channel, std::string_view tenant = {}) const = 0;
  // Answers when a message has gone through the engine and back.
  virtual void probe(Done<void> done) = 0;
  virtual EngineStats engine_stats() const = 0;
  // Drives timeouts, redelivery and expiry. Never blocks.
  virtual void tick(TimePoint now) = 0;
  // The end: gives what waits to another instance if the engine can. Answers how many messages are lost.
  virtual void park_waiting(Done<size_t> done) = 0;

 protected:
  friend class SubscriptionHandle;
  // Nothing happens for one that has ended by itself.
  virtual void unsubscribe(SubscriptionId id) = 0;
};

inline void SubscriptionHandle::reset() {
  if (Broker* const broker = std::exchange(broker_, nullptr)) broker->unsubscribe(id_);
}

}  // namespace gw
