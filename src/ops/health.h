// What the health addresses answer (docs/operations/metrics.md). Nothing in them names a user.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/registry.h"
#include "ops/metrics.h"

namespace gw {

struct Health {
  bool ready = false;
  std::string_view instance_id;
  ConnectionCounts connections;
  Duration uptime{};
};

struct Dependency {
  std::string_view name;
  std::string_view kind;
  bool up = false;
  // Of one that is divided: up while one of them works.
  size_t partitions = 1;
  std::vector<std::string> away = {};  // those that do not
};

std::string health_json(const Health& health);
// Adds `dependencies`, and the figures of the snapshot as `metrics`.
std::string detailed_health_json(const Health& health, const std::vector<Dependency>& dependencies,
                                 const MetricsSnapshot& snapshot);

}  // namespace gw
