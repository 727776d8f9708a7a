// Where the parts of runs are: each name has one partition (partitioning.h), whose server is asked for it.
// With one partition it is always that. Control loop only.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/redis/keys.h"
#include "engine/redis/partitioning.h"
#include "engine/redis/subscriptions.h"

namespace gw::redis {

struct RunPlace {
  size_t index;
  Client& messages;
  Subscriptions& subscriptions;
  const Keys& keys;
};

class RunPlaces {
 public:
  explicit RunPlaces(std::vector<RunPlace> places) : places_(std::move(places)) {}

  // Of a run's id, a digest, or whom a run counts for.
  const RunPlace& of(std::string_view name) const { return places_[partition_of(name, places_.size())]; }
  const RunPlace& operator[](size_t index) const { return places_[index]; }
  size_t size() const { return places_.size(); }
  std::vector<RunPlace>::const_iterator begin() const { return places_.begin(); }
  std::vector<RunPlace>::const_iterator end() const { return places_.end(); }

  bool any_is_up() const {
    return std::any_of(places_.begin(), places_.end(),
                       [](const RunPlace& place) { return place.messages.is_up(); });
  }
  // When a run is looked at stands beside it: there are as many such lists in all as one server has, and one
  // in each partition.
  size_t due_buckets() const { return std::max<size_t>(Keys::kRunBuckets / places_.size(), 1); }

 private:
  const std::vector<RunPlace> places_;
};

}  // namespace gw::redis
