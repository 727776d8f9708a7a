// Which traces are kept: the samplers of the OpenTelemetry specification, decided from ids alone.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/traceparent.h"

namespace gw {

class Sampler {
 public:
  // Keeps this share of the traces that it decides about: 0 none, 1 all. With `parent_based` a span that has
  // a parent is kept exactly if its parent was.
  explicit Sampler(double ratio, bool parent_based = true);
  Sampler() : Sampler(1) {}

  bool keeps(const protocol::TraceId& trace_id, const std::optional<protocol::TraceContext>& parent) const;

 private:
  uint64_t bound_;  // ids below it are kept
  bool parent_based_;
};

struct TraceOptions {
  bool enabled = false;
  bool propagate = true;  // a traceparent from outside is the parent, and the envelope has ours
  Sampler sampler;
};

}  // namespace gw
