// Framed runs (protocol/run_framing.h) in the words of runs: what their logs get at their making, with a
// batch, with another attempt and with an end. Pure. Whoever writes such a log has its framing: the memory
// engine beside each run (Run::framed), an instance on Redis for as long as it is the one that writes.
#pragma once

#include <string>
#include <string_view>

#include "core/run/run.h"

namespace gw::run {

// What its log begins with; empty: it is not framed.
std::string head_of(const NewRun& run);
// too_large: the log's bound has no room for that and an end.
std::optional<RunRefusal> refuse_head(const NewRun& run, const RunLimits& limits);
// Of the log of a framed run.
protocol::RunFraming framing_of(RunFormat format, std::string_view log);
protocol::FramedEnd framed_end(RunStatus status, const RunError& error, std::string_view result = {});

struct FramedBatch {
  std::string bytes;  // for the log
  protocol::RunFraming after;
};
// Of a run that is open, with the next seq. invalid_argument, mixed_framing; too_large: what an end may need
// of its bound stays free, so an end alone is never refused. A refusal says nothing of the run.
RunResult<FramedBatch> frame(const protocol::RunFraming& framing, const RunAppend& append,
                             uint64_t bytes_max);
// Another attempt, `opening` being what stands at framing.opening(). too_large.
RunResult<FramedBatch> begin_attempt(const protocol::RunFraming& framing, std::string_view opening,
                                     uint64_t bytes_max);

}  // namespace gw::run
