// One seed from its beginning to its verdict: a world is drawn, lives through its faults, comes to rest, is
// looked at, is drained, is looked at again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/channel.h"
#include "sim/agent.h"
#include "sim/client.h"
#include "sim/gateway_node.h"
#include "sim/journal.h"
#include "sim/network.h"
#include "sim/realm.h"
#include "sim/redis_agent.h"
#include "sim/redis_host.h"

namespace gw::sim {

// What a seed draws before anything happens.
struct Plan {
  size_t gateways = 2;
  size_t clients = 4;
  size_t group_members = 2;  // of each group
  size_t groups = 1;
  size_t feeds = 1;         // agents without a group
  size_t redis_agents = 0;  // with a Redis client of their own
  bool realms = false;
  bool memory = false;     // one gateway alone, on the memory engine
  bool sentinels = false;  // a replica, and sentinels that name the master
  size_t replicas = 0;     // that have to have a message before it is acknowledged
  size_t inbox_size = 1000;
  Duration trouble{};
  Duration between_faults = 1500ms;
  std::vector<size_t> faults;  // which: faults.h

  explicit Plan(Random& random);
};

class Scenario {
 public:
  Scenario(uint64_t seed, bool with_history);
  ~Scenario();

  // Empty: all is well. Else what is not.
  std::string run();
  const World& world() const { return world_; }

  // --- For faults ---
  struct Place {
    std::shared_ptr<GatewayNode> node;  // null: it is down
    int lives = 0;
    bool leaving = false;
  };
  World& here() { return world_; }
  Network& network() { return network_; }
  RedisHost& redis() { return *hosts_[master_]; }
  // The replica leads; the old master is dead, or goes on as if nothing were.
  void fail_over();
  // No longer than there is trouble.
  Duration at_most(Duration time) const;
  std::vector<Place>& places() { return places_; }
  const std::vector<std::shared_ptr<SimClient>>& clients() const { return clients_; }
  const std::vector<std::shared_ptr<SimAgent>>& agents() const { return agents_; }
  void start_node(size_t place);
  void end_node(size_t place);
  void drain_node(size_t place);
  std::shared_ptr<GatewayNode> pick_ready();

 private:
  void start_redis();
  void open_sessions(size_t client);
  void look_at_bounds();
  void start_agents();
  void trouble();
  void heal();
  bool is_quiet() const;
  std::string verdict();
  std::string drain_all();

  World world_;
  const Plan plan_;
  Network network_;
  const ChannelTable channels_;
  Journal journal_;
  std::vector<std::unique_ptr<RedisHost>> hosts_;  // Redis, or two of them and their sentinels
  size_t master_ = 0;
  uint64_t epoch_ = 1;
  std::string broken_;  // the first bound that was
  std::vector<Place> places_;
  std::vector<std::shared_ptr<SimClient>> clients_;
  std::vector<std::shared_ptr<SimAgent>> agents_;
  std::vector<std::shared_ptr<RedisAgent>> redis_agents_;
  std::vector<std::shared_ptr<Realm>> realms_;
  TimePoint trouble_ends_;
  bool ending_ = false;  // who leaves is not replaced any more
};

}  // namespace gw::sim
