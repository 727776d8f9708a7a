// Keeps a group's delivery open for the agent that works at a run for it: as long as the run's lease lives,
// the delivery goes to no other. What ends the run acknowledges nothing. Control loop only.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/run_store.h"
#include "net/event_loop.h"
#include "post_office/post_office.h"

namespace gw {

class RunDeliveries {
 public:
  // All outlive it. `ack_wait`: after so long an unacknowledged delivery goes to another.
  RunDeliveries(EventLoop& loop, RunStore& runs, PostOffice& post_office, Duration ack_wait);

  // A run was claimed for a delivery, with a key of that tenant: what was known of it holds no more.
  void claimed(const std::string& run_id, const std::string& tenant);
  // The owner of a run was heard of here, with a key of that tenant: with every append, so that of a run
  // that is bound to no delivery only the first in a while costs anything.
  void keep_open(const std::string& run_id, const std::string& tenant);
  size_t size() const { return kept_.size(); }

 private:
  void sweep();
  void put_off(const std::string& run_id, const Run& run);

  RunStore& runs_;
  PostOffice& post_office_;
  std::unordered_map<std::string, std::string> kept_;  // run id to tenant; as many as there are open runs
  std::unordered_set<std::string> looked_at_;          // since the last sweep
  EventLoop::Registration sweeps_;
};

}  // namespace gw
