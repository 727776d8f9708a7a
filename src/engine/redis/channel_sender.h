// The messages of one channel on their way to Redis. What waits, and in which order it goes, the channel's
// queue knows (core/channel_queue.h); this is what Redis is told, and what its answers mean. Control loop
// only.
#pragma once

#include <chrono>
#include <string>

#include "core/agent_delivery.h"
#include "core/channel_queue.h"
#include "core/client_delivery.h"
#include "engine/redis/keys.h"
#include "engine/redis/replica_wait.h"
#include "engine/redis/scripts.h"

namespace gw::redis {

struct SenderOptions {
  ChannelQueue::Options queue;
  std::chrono::seconds dedupe_age{120};
  bool inbox = false;  // into the stream as well
  size_t inbox_size = 100'000;
};

class ChannelSender {
 public:
  ChannelSender(std::string_view channel, EventLoop& loop, Client& commands, ReplicaWait& replicas,
                const Keys& keys, const SenderOptions& options);

  const std::string& channel() const { return channel_; }
  void submit(AgentMessage message, Done<Submitted> done);
  // A realm's publication to the agents: nobody waits for it, and it does not wait for any.
  void announce(const Publication& publication);
  // Tries again, expires; every 100 ms or so.
  void tick(TimePoint now);
  // A probe has proven that Redis takes writes: what waits need not wait for the circuit.
  void on_engine_works(TimePoint now);

  void fill(ChannelStats& stats, std::string_view tenant) const { queue_.fill(stats, tenant); }
  // The end: what waits leaves for the list where another instance finds it, and nothing is sent from here
  // any more. Answers how many did not.
  void park(Done<size_t> done);

 private:
  struct HandOver {
    std::string_view message_id;
    std::string_view envelope;
    std::string_view tenant;
    std::string_view dedupe_key;  // empty: none
    bool waits = false;           // with an inbox: for an agent that comes later
    ChannelQueue::Turn turn = ChannelQueue::Turn::free;
  };

  std::string dedupe_name(const AgentMessage& message) const;
  void forget(const AgentMessage& message);
  // `done` is empty where it has been told that the message is queued.
  void send(ChannelQueue::Id id, AgentMessagePtr message, Done<Submitted> done);
  void hand_over(const HandOver& what, OnReply done);
  void answer_duplicate(const AgentMessage& message, const Done<Submitted>& done);
  // `was_sent`: Redis may have it although no answer came.
  void on_answer(ChannelQueue::Id id, const AgentMessage& message, bool was_sent, const Done<Submitted>& done,
                 const ReplicaWait::Answer& answer);
  void on_not_taken(ChannelQueue::Id id, const AgentMessage& message, bool was_sent,
                    const Done<Submitted>& done, const ReplicaWait::Answer& answer);
  void pump(TimePoint now);
  void park_when_quiet();

  EventLoop& loop_;
  Client& commands_;
  ReplicaWait& replicas_;
  const Keys& keys_;
  const std::string channel_;
  const std::string agents_;  // Pub/Sub
  const std::string inbox_;   // empty: none
  const std::string dedupe_seconds_;
  const std::string inbox_size_;
  ChannelQueue queue_;
  bool closed_ = false;  // nothing is sent any more
  Done<size_t> parking_;
};

}  // namespace gw::redis
