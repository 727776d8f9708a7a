// A Redis Cluster as one of its nodes sees it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/redis/resp.h"
#include "engine/redis/sentinels.h"

namespace gw::redis {

class ClusterView {
 public:
  // What `asked` answered to CLUSTER SLOTS.
  void take_slots(const Reply& slots, const HostPort& asked);
  // To CLUSTER NODES, after it: how new each master's claim to its slots is.
  void take_nodes(std::string_view nodes);

  // Who has the slot; empty: nobody.
  std::optional<Naming> master_of(uint16_t slot) const;
  // All who have slots, and their replicas, by their ids.
  using Nodes = std::map<std::string, HostPort, std::less<>>;
  const Nodes& nodes() const { return nodes_; }

 private:
  struct Range {
    int64_t first;
    int64_t last;
    std::string master_id;
  };

  std::vector<Range> ranges_;
  Nodes nodes_;
  std::map<std::string, uint64_t, std::less<>> epochs_;  // of the nodes
};

}  // namespace gw::redis
