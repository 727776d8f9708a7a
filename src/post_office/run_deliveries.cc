#include "post_office/run_deliveries.h"

#include <algorithm>
#include <vector>

#include "core/run/run_machine.h"

namespace gw {
namespace {

// A failed one has two more tries before another agent gets the delivery.
Duration period(Duration ack_wait) { return std::max<Duration>(ack_wait / 4, 100ms); }

bool holds_delivery(const RunRecord& run, WallTime now) {
  return run.status == RunStatus::in_progress && !run.shown->group.empty() && !run::is_owner_lost(run, now);
}

}  // namespace

RunDeliveries::RunDeliveries(EventLoop& loop, RunStore& runs, PostOffice& post_office, Duration ack_wait)
    : runs_(runs), post_office_(post_office), sweeps_(loop.every(period(ack_wait), [this] { sweep(); })) {}

void RunDeliveries::claimed(const std::string& run_id, const std::string& tenant) {
  kept_.erase(run_id);
  looked_at_.erase(run_id);
  keep_open(run_id, tenant);
}

void RunDeliveries::keep_open(const std::string& run_id, const std::string& tenant) {
  if (kept_.contains(run_id) || !looked_at_.insert(run_id).second) return;
  runs_.find_record(run_id, {}, [this, run_id, tenant](const RunResult<const Run*>& run) {
    // Nobody knows: the next that is heard looks again.
    if (!run && run.error().code == RunErrc::unavailable) looked_at_.erase(run_id);
    if (!run || !holds_delivery((*run)->record, runs_.now())) return;
    kept_.emplace(run_id, tenant);
    put_off(run_id, **run);
  });
}

// The engine may answer within the call, which changes the map.
void RunDeliveries::sweep() {
  looked_at_.clear();
  std::vector<std::string> run_ids;
  for (const auto& [run_id, tenant] : kept_) run_ids.push_back(run_id);
  for (const std::string& run_id : run_ids) {
    runs_.find_record(run_id, {}, [this, run_id](const RunResult<const Run*>& run) {
      // Nobody knows: it is looked at again.
      if (!run && run.error().code == RunErrc::unavailable) return;
      if (!run || !holds_delivery((*run)->record, runs_.now())) {
        kept_.erase(run_id);
      } else {
        put_off(run_id, **run);
      }
    });
  }
}

void RunDeliveries::put_off(const std::string& run_id, const Run& run) {
  const auto kept = kept_.find(run_id);
  if (kept == kept_.end()) return;
  post_office_.working({run.record.channel, run.record.shown->group, kept->second},
                       {run.record.shown->delivery_id}, [](const Result<size_t>&) {});
}

}  // namespace gw
