// The messages of one channel on their way to Redis, in order. One that found nobody, or no Redis, waits
// here; behind it wait the later ones. Messages of different tenants do not wait for each other.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "core/agent_delivery.h"
#include "core/circuit_breaker.h"
#include "core/client_delivery.h"
#include "engine/redis/keys.h"
#include "engine/redis/replica_wait.h"
#include "engine/redis/scripts.h"

namespace gw::redis {

struct SenderOptions {
  size_t queue_size = 1000;  // that wait
  size_t queue_bytes = size_t{16} << 20;
  Duration queue_age = 300s;
  std::chrono::seconds dedupe_age{120};
  bool inbox = false;  // into the stream as well
  size_t inbox_size = 100'000;
  CircuitBreaker::Options breaker;
};

class ChannelSender {
 public:
  ChannelSender(std::string_view channel, Client& commands, ReplicaWait& replicas, const Keys& keys,
                const SenderOptions& options);

  void submit(AgentMessage message, Done<Submitted> done);
  // A realm's publication to the agents: nobody waits for it, and it does not wait for any.
  void announce(const Publication& publication);
  // Tries again, expires; every 100 ms or so.
  void tick(TimePoint now);
  // A probe has proven that Redis takes writes: what waits need not wait for the circuit.
  void on_engine_works(TimePoint now);

  void fill(ChannelStats& stats, std::string_view tenant) const;
  size_t waiting() const { return waiting_; }
  // The end: what waits leaves for the list where another instance finds it, and nothing is sent from here
  // any more. Answers how many did not.
  void park(Done<size_t> done);

 private:
  enum class State : uint8_t { waiting, in_flight, done };
  struct Entry {
    AgentMessage message;
    Done<Submitted> done;  // empty: told that it is queued
    TimePoint since;
    State state = State::waiting;
    bool queued = false;
  };
  struct Lane {
    std::deque<Entry> entries;
    uint64_t first = 0;  // the sequence number of the front
    size_t waiting = 0;  // not in flight, not done
    size_t in_flight = 0;
    // Nobody may be listening: the last one found no receiver, or Redis was away. Only the front tries.
    bool front_alone = false;
    TimePoint retry_at;  // not before
  };

  std::string dedupe_name(const AgentMessage& message) const;
  void forget(const AgentMessage& message);
  bool has_room(const Entry& entry) const;
  void send(Lane& lane, uint64_t sequence);
  struct HandOver {
    std::string_view message_id;
    std::string_view envelope;
    std::string_view tenant;
    std::string_view dedupe_key;  // empty: none
    bool waits = false;           // with an inbox: for an agent that comes later
  };
  void hand_over(const HandOver& what, OnReply done);
  void on_reply(Lane& lane, uint64_t sequence, const ReplicaWait::Answer& answer);
  void keep(Lane& lane, Entry& entry);
  void finish(Lane& lane, Entry& entry, Result<Submitted> outcome);
  void pump(Lane& lane, TimePoint now);
  void expire(Lane& lane, TimePoint now);
  void park_when_quiet();

  Client& commands_;
  ReplicaWait& replicas_;
  const Keys& keys_;
  const SenderOptions options_;
  const std::string channel_;
  const std::string agents_;          // Pub/Sub
  const std::string tenants_agents_;  // Pub/Sub, without the tenant
  const std::string inbox_;           // empty: none
  const std::string inbox_state_;
  const std::string inbox_notices_;
  const std::string dedupe_seconds_;
  const std::string inbox_size_;
  CircuitBreaker breaker_;
  bool engine_failed_ = false;                      // the last failure was of the whole server
  TimePoint works_since_;                           // as probes said after it
  std::map<std::string, Lane, std::less<>> lanes_;  // by tenant
  size_t waiting_ = 0;                              // promised to be kept
  size_t waiting_bytes_ = 0;
  bool closed_ = false;  // nothing is sent any more
  Done<size_t> parking_;
};

}  // namespace gw::redis
