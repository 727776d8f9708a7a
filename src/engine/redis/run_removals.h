// Removes runs such that nothing of them is left, also when nobody hears that one is gone: it is looked at
// again soon, by any instance, and what it counted for stands in Redis until that is undone. Control loop
// only.
#pragma once

#include <string>
#include <vector>

#include "engine/redis/run_calls.h"
#include "engine/redis/run_index.h"

namespace gw::redis {

class RunRemovals {
 public:
  // Both outlive it.
  RunRemovals(RunCalls& calls, RunIndex& index) : calls_(calls), index_(index) {}

  // As RunStore::remove(), with what it counted for.
  void remove(const std::string& run_id, const RunReach& reach, RunDone<RunCounted> done);
  // They make place.
  void remove(const std::vector<std::string>& run_ids);

 private:
  void settle(const std::string& run_id, const RunReach& reach, RunCalls::Settle how,
              RunCalls::OnAnswer done);

  RunCalls& calls_;
  RunIndex& index_;
};

}  // namespace gw::redis
