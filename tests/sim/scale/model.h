// A whole deployment, as numbers: instances, masters of a cluster with their partitions, and every connection
// by itself (where it is, and when it tries again). Ten million of them are arrays of a few bytes each, and
// the clock goes on in ticks of a tenth of a second. Costs are measured ones (costs.h); what happens at the
// same time, and therefore waits, is what the model adds. One seed gives one history.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "sim/random.h"
#include "sim/scale/shard.h"

namespace gw::sim::scale {

struct Plan {
  size_t connections = 10'000'000;
  size_t instances = 100;
  size_t masters = 32;
  size_t partitions = 64;
  size_t channels = 5;
  double heartbeat_s = 30;
  double life_s = 1200;              // of a connection on average, before its client leaves and comes back
  double messages_per_minute = 0.2;  // of each connection
  double drain_spread_s = 24;        // of a drain-timeout of 30 s
  double failover_s = 6;             // cluster-node-timeout 5 s, and an election
  double unnoticed_s = 4;            // a balancer goes on sending clients to an instance that is gone
  // Whether balancers send a client to the emptier one of two instances, or to any.
  bool two_choices = true;
  uint64_t seed = 1;
};

// One second of the history.
struct Second {
  double at_s = 0;
  size_t connected = 0;
  size_t tried = 0, welcomed = 0, refused = 0;  // handshakes
  double commands_mean = 0, commands_max = 0;   // of a master
  double work_mean = 0, work_max = 0;           // of a master's core, 0..1 and above
  double wait_max_ms = 0;
  size_t unwritten = 0;  // connections whose record a master that took over does not have yet
  size_t left_over = 0;  // records of instances that are gone
};

class Model {
 public:
  explicit Model(const Plan& plan);

  double now_s() const { return static_cast<double>(tick_) * kTickS; }
  size_t connected() const { return connected_; }
  // Clients that were sent away by a drain, each time.
  size_t moves() const { return moves_; }
  // Those that wait to try again, or to be answered.
  size_t on_their_way() const;
  const std::vector<Second>& history() const { return history_; }
  // Of the master that has most.
  double memory_bytes() const;

  void run(double seconds);
  // These instances drain at once, and are back `restart_s` after their last client has gone.
  void deploy(size_t first, size_t count, double restart_s = 3);
  // A part of all instances and masters is gone at once, for good; masters have replicas elsewhere.
  void lose_zone(double part);

 private:
  static constexpr uint64_t kTicksASecond = 10;
  static constexpr double kTickS = 1.0 / kTicksASecond;
  static constexpr size_t kTicksKept = 1024;  // no attempt lies further ahead
  static constexpr uint16_t kNowhere = UINT16_MAX;

  enum class State : uint8_t { ready, draining, gone };
  struct Instance {
    State state = State::ready;
    double gone_at_s = 0;
    double back_at_s = -1;          // of one that is restarted
    std::vector<uint32_t> clients;  // their places are in place_
    std::deque<uint32_t> coming;    // whose handshakes wait for this instance's CPU
    double leave_each_tick = 0, leave_owed = 0;
  };

  void tick();
  void steady_work();
  void churn();
  void drain(Instance& instance);
  void take_attempts();
  Instance* choose(const std::vector<uint32_t>& open);
  void shake_hands(size_t index);
  bool admit(uint32_t client, size_t instance);
  void leave(uint32_t client, bool tells);
  void forget(uint32_t client);
  void try_later(uint32_t client);
  void write_anew();
  void reap();
  void end_second();
  Shard& shard_of(size_t partition) { return shards_[owner_[partition]]; }
  // Of what has such a number.
  size_t partition(uint32_t client, uint64_t salt) const;

  const Plan plan_;
  Random random_;
  uint64_t tick_ = 0;
  size_t connected_ = 0;
  size_t moves_ = 0;
  std::vector<Shard> shards_;
  std::vector<uint32_t> owner_;  // of each partition
  std::vector<Instance> instances_;
  std::vector<uint16_t> where_;  // the instance of each connection, or kNowhere
  std::vector<uint32_t> place_;  // in that one's list
  std::vector<uint8_t> failures_;
  std::vector<std::vector<uint32_t>> attempts_;  // by tick, in a ring
  // By partition: records that a master which took over does not have, and those that a dead instance left.
  std::vector<double> unwritten_;
  std::vector<double> left_over_;
  double reaped_from_s_ = 0;
  double churn_owed_ = 0;
  Second second_;
  std::vector<Second> history_;
};

}  // namespace gw::sim::scale
