// Pages of one list whose entries are in several partitions: the next page of all, out of the next page of
// each. What one partition has not shown yet ends it, so nothing is passed over, whatever comes and goes.
#pragma once

#include <vector>

#include "core/registry.h"
#include "engine/redis/session_store.h"

namespace gw::redis::partitioned {

// By id: one that moves from one partition to another meanwhile keeps its place.
Result<ConnectionPage> merged(std::vector<Result<ConnectionPage>>& pages, size_t limit);

// A place in the list of all sessions: that in the list of one partition; of equal ones those of the first
// partition come first.
struct SessionPlace {
  uint64_t place = 0;
  size_t partition = 0;

  std::string text() const;
  static std::optional<SessionPlace> parse(std::string_view text);
  // What comes behind it, for the list of that partition.
  std::string after_in(size_t partition) const;
};
Result<SessionPage> merged(std::vector<Result<PlacedSessions>>& pages, size_t limit);

}  // namespace gw::redis::partitioned
