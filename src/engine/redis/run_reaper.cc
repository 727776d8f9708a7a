#include "engine/redis/run_reaper.h"

#include "engine/log_events.h"

#include <vector>

namespace gw::redis {
namespace {

constexpr Duration kPickEvery = 500ms;
constexpr std::string_view kPickMost = "500";
// Who picked one has so long; then another instance may.
constexpr std::string_view kPickHold = "1000";
// Others wrote to it whenever its end was about to be.
constexpr Duration kAgainAfter = 1s;

}  // namespace

void RunReaper::watch(const std::string& run_id, Duration lease) {
  watched_[run_id] = parts_.loop.now() + lease;
}

void RunReaper::tick(TimePoint now) {
  if (!parts_.places.any_is_up() || now - picked_at_ < kPickEvery) return;
  picked_at_ = now;
  for (const RunPlace& place : parts_.places) {
    for (size_t bucket = 0; bucket < parts_.places.due_buckets(); ++bucket) pick(place, bucket);
  }
  std::vector<std::string> lapsed;
  for (const auto& [run_id, until] : watched_) {
    if (until < now) lapsed.push_back(run_id);
  }
  for (const std::string& run_id : lapsed) {
    watched_.erase(run_id);
    settle(run_id);
  }
}

void RunReaper::pick(const RunPlace& place, size_t bucket) {
  run_script(place.messages, scripts::pick_runs,
             {{"due", place.keys.runs_due(bucket)}, {"most", kPickMost}, {"hold_ms", kPickHold}},
             [this](const Result<Reply>& reply) {
               if (!reply) return;
               on_clock_(WallTime(std::chrono::milliseconds((*reply)[0].integer())));
               for (size_t i = 1; i < reply->size(); ++i) settle(std::string((*reply)[i].text()));
             });
}

void RunReaper::settle(const std::string& run_id) {
  parts_.calls.settle(run_id, {}, RunCalls::Settle::time, {},
                      [this, run_id](const Result<RunAnswer>& answer) {
                        if (answer) on_settled(run_id, *answer);
                      });
}

void RunReaper::on_settled(const std::string& run_id, const RunAnswer& answer) {
  const std::string_view code = answer.code();
  if (code == "waits") return parts_.index.look_at(run_id, std::chrono::milliseconds(answer.number(0)));
  if (code == "stream") return parts_.index.still(run_id, answer);
  if (code == "not_found") return parts_.index.gone(run_id);
  if (code == "again") return parts_.index.look_at(run_id, kAgainAfter);
  const RunCounted counted = answer.counted(0);
  if (code == "removed") {
    parts_.index.removed(run_id, counted);
    // A plain stream that was made of that name meanwhile counts again then.
    return parts_.index.look_by(run_id, kAgainAfter);
  }
  if (code == "ended") {
    count_end(run_id, answer.top().status, counted);
    log_end(run_id);
  }
  parts_.index.over(run_id, counted);
}

void RunReaper::log_end(const std::string& run_id) {
  parts_.calls.read(run_id, kNoLog, [](const RunResult<StoredRun>& run) {
    if (run) log_run_ended(run->record);
  });
}

}  // namespace gw::redis
