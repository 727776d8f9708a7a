// What webhooks have done, for metrics.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/latency_histogram.h"

namespace gw {

struct WebhookStats {
  uint64_t delivered_total = 0;  // envelopes
  uint64_t failed_total = 0;     // attempts
  uint64_t skipped_total = 0;    // attempts that an open circuit has failed
  uint64_t given_up_total = 0;   // envelopes
  LatencyHistogram latency;      // from a request to the end of its answer
  // As they are now.
  size_t webhooks = 0, waiting = 0, in_flight = 0, circuits_open = 0;
};

}  // namespace gw
