// Makes runs: within the bounds of whom they count for, once for what was asked, and such that whatever
// stands in Redis when this process dies in the middle is gone by itself. Control loop only.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/rate_limit.h"
#include "core/run_store.h"
#include "engine/redis/run_calls.h"
#include "engine/redis/run_index.h"
#include "engine/redis/run_removals.h"

namespace gw::redis {

class RunMaker {
 public:
  struct Parts {
    EventLoop& loop;
    const RunPlaces& places;
    RunCalls& calls;
    RunIndex& index;
    RunRemovals& removals;
  };
  explicit RunMaker(const Parts& parts) : parts_(parts) {}

  // As RunStore::create().
  void create(NewRun run, RunDone<RunCreated> done);
  // Those that have made none for a while are forgotten. Every second or so.
  void tick(TimePoint now);

 private:
  // One that is being made: first it is counted, then written, then named.
  struct Making {
    NewRun run;
    RunDone<RunCreated> done;
    std::string user;
    std::string asked;      // digest; empty: nothing
    size_t head_bytes = 0;  // that its log begins with
    std::vector<RunBound> bounds;
    std::vector<bool> is_new;  // counted for that bound just now
    size_t waits = 0;          // answers that have not come
    std::string asked_run;     // that has been asked for as the same
    std::optional<RunRefusal> refusal;
    int tries = 0;
    EventLoop::Registration again;
  };
  using Ptr = std::shared_ptr<Making>;

  void take_rate(Making& making, bool take);
  void count(const Ptr& making);
  void take_count(const Ptr& making, size_t i, const RunIndex::Counted& counted);
  void ask(const Ptr& making, std::string_view instead_of);
  void on_counted(const Ptr& making);
  void look_at_asked(const Ptr& making);
  void on_asked_status(const Ptr& making, std::optional<RunStatus> known);
  void write(const Ptr& making);
  void on_written(const Ptr& making, const RunAnswer& answer);
  void on_made(const Ptr& making, RunCreated created);
  void uncount(const Making& making);
  void refuse_with(const Ptr& making, const RunRefusal& refusal);

  const Parts parts_;
  std::unordered_map<std::string, TokenBucket> made_;  // by user
};

}  // namespace gw::redis
