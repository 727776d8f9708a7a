// What became of the telemetry itself.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gw {

struct TelemetryStats {
  uint64_t spans_exported = 0;
  uint64_t spans_queue_full = 0;     // dropped: the collector is too slow
  uint64_t spans_export_failed = 0;  // dropped: it refused them or did not answer
  size_t spans_queued = 0;
  uint64_t metric_exports = 0;
  uint64_t metric_exports_failed = 0;
};

}  // namespace gw
