// APPEND doubles the room of a log, so that up to half of it is empty. A log that has not grown for a while
// is stored anew at its length, by the instance that took its last batch; and again when it has grown by a
// quarter, or is all there will be: what is stored is copied to the replicas of Redis, and into its file.
// Control loop only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "engine/redis/run_calls.h"

namespace gw::redis {

class RunTrims {
 public:
  static constexpr Duration kQuiet = 2s;

  explicit RunTrims(RunCalls& calls) : calls_(calls) {}

  // Of one log, kept by whoever tells of it.
  class Growth {
   public:
    // Whether to tell that it has so many bytes now. is_all: no more will come.
    bool is_worth_it(uint64_t bytes, bool is_all, TimePoint now);

   private:
    TimePoint at_;
    uint64_t bytes_ = 0;
    uint64_t least_ = 0;  // until it has so many it stays as it is
    bool waits_ = false;  // since then, to be stored anew
  };
  void grew(const std::string& run_id, uint64_t bytes, TimePoint now);
  // Every 100 ms or so.
  void tick(TimePoint now);
  // Those that have grown since they were stored anew.
  size_t waiting() const { return grown_.size(); }

 private:
  struct Grown {
    TimePoint at;
    uint64_t bytes = 0;
  };
  struct Look {
    TimePoint at;
    std::string run_id;
  };

  RunCalls& calls_;
  std::unordered_map<std::string, Grown> grown_;
  std::deque<Look> looks_;  // one for each of them
};

}  // namespace gw::redis
