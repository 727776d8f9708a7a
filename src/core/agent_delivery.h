// Interface: clients' messages on their way to agents. Control loop only: every call and every callback
// happens there, and each `done` is called exactly once, by the memory engine before the call returns.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/channel.h"
#include "core/done.h"

namespace gw {

// What agents of a channel get.
struct AgentMessage {
  ChannelIndex channel = 0;
  std::string tenant_id;  // of the sender's session; empty: none
  std::string message_id;
  std::string envelope;                   // what the agent receives, whole
  std::optional<std::string> dedupe_key;  // scope and client id; absent: never a duplicate
  bool dedupe_everywhere = false;         // the same client may come back on another instance
  bool makes_run = false;                 // its run is named after message_id
  uint64_t sender = 0;  // the same for all messages of a session, or a connection without one
};

// Shared by all who hold it: queue, groups, what is on its way.
using AgentMessagePtr = std::shared_ptr<const AgentMessage>;

struct Submitted {
  // published: at least one live receiver has it. queued: it waits for one.
  enum Outcome : uint8_t { published, queued, duplicate };

  Submitted(Outcome what = published) : outcome(what) {}
  static Submitted duplicate_of(std::string message_id) {
    Submitted submitted(duplicate);
    submitted.first_id = std::move(message_id);
    return submitted;
  }
  friend bool operator==(const Submitted&, const Submitted&) = default;

  Outcome outcome;
  // Of a duplicate: the message_id of the first, when it may have made a run. Empty: it made none, or nobody
  // knows any more.
  std::string first_id = {};
};

// One agent's open stream. The engine calls it and never owns it: one that is gone is not called.
class AgentSink {
 public:
  virtual ~AgentSink() = default;
  // False: it can take no more now (its buffer is full or it is gone). `id` is what to acknowledge. Must not
  // call the engine: that is in the middle of its lists.
  virtual bool deliver(std::string_view id, std::string_view envelope) = 0;
  // Before the next message: some between the last that it had (the subscription's last_event_id) and that
  // one cannot be given any more. False: it can take no more now, not even this.
  virtual bool missed() { return true; }
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

using SubscriptionId = uint64_t;

class AgentDelivery;

// An agent's subscription, from the call on. When it goes, confirmed or not, the subscription ends: neither
// its `done` nor its sink is called any more. The engine outlives it.
class SubscriptionHandle {
 public:
  SubscriptionHandle() = default;
  SubscriptionHandle(AgentDelivery& agents, SubscriptionId id) : agents_(&agents), id_(id) {}
  SubscriptionHandle(SubscriptionHandle&& other) noexcept
      : agents_(std::exchange(other.agents_, nullptr)), id_(other.id_) {}
  SubscriptionHandle& operator=(SubscriptionHandle&& other) noexcept {
    std::swap(agents_, other.agents_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~SubscriptionHandle() { reset(); }
  void reset();

 private:
  AgentDelivery* agents_ = nullptr;  // null: none
  SubscriptionId id_ = 0;
};

class AgentDelivery {
 public:
  virtual ~AgentDelivery() = default;

  // Takes a client's message for the channel's agents, or refuses it; never half.
  //
  // published: on the memory engine an agent's stream or a group here has it; on Redis with the stream inbox
  // it stands in the stream (on as many replicas as are asked for) until an agent has had it, and without
  // an inbox Redis counted a subscriber, at most once from there. queued: it is kept by this process, until
  // an agent takes it, queue-age is over, or the process ends without park_waiting().
  // Order: what one tenant's clients submit to a channel is delivered in the order of the calls, queued or
  // not; tenants do not wait for each other. After an answer of Redis that got lost a message may come twice.
  // Ids: of two with the same dedupe_key within the window one is delivered and the other is a `duplicate`,
  // also when the first has not answered yet (then `done` waits for what becomes of it). One that was refused
  // counts as never seen. A duplicate's answer names the first when that made a run.
  // resource_exhausted: it would have to wait and there is no room, the window of ids is full, or Redis's
  // inbox is. unavailable: park_waiting() was called. timeout: an agent may have it or get it, and there is
  // no room to keep it until that is known.
  // `done` on Redis: when Redis has answered, or at once when the message has to wait.
  virtual void submit(AgentMessage message, Done<Submitted> done) = 0;
  // A message with that dedupe_key will be submitted soon: what it takes to look for it may be fetched.
  virtual void expect(std::string_view dedupe_key) { static_cast<void>(dedupe_key); }
  // What submit() would answer a message with that key while one is remembered: `duplicate`; else not_found.
  // `everywhere`: as dedupe_everywhere.
  virtual void find_duplicate(const std::string& dedupe_key, bool everywhere, Done<Submitted> done) = 0;

  // Gives a channel's messages to `sink` until the handle goes: all that concern its tenant or, in a group,
  // those that are its turn. Nothing is delivered before `done`; what waits in the channel's queue is
  // delivered first, in order. A group's member has to acknowledge: what stays open is delivered again, to
  // any member, and at last given up, so at least once to somebody; without a group at most once, but with
  // Redis's stream inbox from the reader's place on.
  // failed_precondition: a group needs the stream inbox. resource_exhausted: the channel has all the groups
  // it may. unavailable: no Redis, or stop_agents() was called. The handle is empty then, or ends by itself.
  // `done` on Redis: when Redis counts the subscriber; not at all once the handle is gone.
  [[nodiscard]] virtual SubscriptionHandle subscribe(AgentSubscription subscription,
                                                     std::weak_ptr<AgentSink> sink, Done<void> done) = 0;

  // These ids of the group are done: they are not delivered again. Idempotent, whoever they were given to;
  // ids that are not open are passed over. Answers how many were open. not_found: no such group here;
  // unavailable: no Redis, or its answer got lost, and some may be done.
  virtual void acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                           Done<size_t> done) = 0;

  // These ids of the group are still worked on: they are not delivered again before another ack-wait is over,
  // and it is no delivery. Who they were given to does not matter; ids that are not open are passed over.
  // Answers how many were open. not_found and unavailable as for acknowledge().
  virtual void working(const AgentSubscription& group, const std::vector<std::string>& ids,
                       Done<size_t> done) = 0;

  // Nobody will ever do these ids of the group: they become dead letters, with `reason`, a fixed word. Who
  // they were given to does not matter; ids that are not open are passed over. Answers how many were open.
  // not_found and unavailable as for acknowledge().
  virtual void give_up(const AgentSubscription& group, const std::vector<std::string>& ids,
                       std::string_view reason, Done<size_t> done) = 0;

  // The end of agents here: takes no new ones, and on Redis no more messages for those that are subscribed;
  // what was on its way to them has been delivered when `done` is called. Never an error, and soon: after a
  // second it stops waiting for Redis.
  virtual void stop_agents(Done<void> done) = 0;

  // The end of clients' messages: nothing is submitted or delivered from the queue any more, and what waits
  // goes to another instance where the engine can. Messages whose outcome is open are waited for first.
  // Answers how many are lost; never an error.
  virtual void park_waiting(Done<size_t> done) = 0;

  // `tenant`: the amounts that are its own; empty: all.
  virtual ChannelStats stats(ChannelIndex channel, std::string_view tenant = {}) const = 0;

 protected:
  friend class SubscriptionHandle;
  // Nothing happens for one that has ended by itself.
  virtual void unsubscribe(SubscriptionId id) = 0;
};

inline void SubscriptionHandle::reset() {
  if (AgentDelivery* const agents = std::exchange(agents_, nullptr)) agents->unsubscribe(id_);
}

}  // namespace gw
