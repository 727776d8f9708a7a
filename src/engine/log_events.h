// What both engines log: one event with the same fields for one fact.
#pragma once

#include <optional>
#include <string_view>

#include "base/log.h"
#include "core/run/run.h"

namespace gw {

// No agent came within queue-age.
inline void log_expired(std::string_view channel, size_t count) {
  if (count > 0) log::warn("queued_messages_expired", {{"channel", channel}, {"count", count}});
}

// A group, or all of a channel (empty), did not acknowledge them.
inline void log_given_up(std::string_view channel, std::string_view group, std::string_view tenant,
                         size_t count, std::string_view reason) {
  if (count == 0) return;
  log::warn(
      "agent_messages_given_up",
      {{"channel", channel}, {"group", group}, {"tenant_id", tenant}, {"count", count}, {"reason", reason}});
}

// A run is over, and this instance has seen to it: by its owner, by somebody's cancel, or because its time
// was.
inline void log_run_ended(const RunRecord& run) {
  std::optional<log::TraceScope> scope;
  const auto& trace = run.rare->trace;
  if (trace) scope.emplace(trace->span.context.trace_id, trace->span.context.parent_id);
  const std::string_view error = run.rare->error ? std::string_view(run.rare->error->code) : "-";
  if (run.status == RunStatus::abandoned)
    return log::warn("run_abandoned", {{"run_id", run.run_id}, {"error", error}, {"epoch", run.epoch}});
  log::debug(
      "run_ended",
      {{"run_id", run.run_id}, {"status", to_string(run.status)}, {"error", error}, {"epoch", run.epoch}});
}

}  // namespace gw
