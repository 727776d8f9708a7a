// Where the spans of runs begin that agents make by themselves. Control loop only.
#pragma once

#include <optional>

#include "base/time.h"
#include "core/span.h"
#include "net/http/message.h"

namespace gw::http_api {

class RunSpans {
 public:
  RunSpans(const TraceOptions& options, WallClock now) : options_(options), now_(std::move(now)) {}

  // In the trace of the request that makes the run, or the first of a trace. Empty: it is not kept.
  std::optional<OpenSpan> begin(const http::Request& request) const;

 private:
  const TraceOptions options_;
  const WallClock now_;
};

}  // namespace gw::http_api
