// Sends spans and metrics to a collector with the OpenTelemetry SDK, on threads of its own: what a collector
// does or does not do reaches nothing else. Bounded everywhere; what has no room is dropped and counted.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/span.h"
#include "net/event_loop.h"
#include "ops/metric_family.h"
#include "ops/telemetry_settings.h"
#include "ops/telemetry_stats.h"

namespace gw {

class Telemetry {
 public:
  // How long the end may wait for a collector.
  static constexpr Duration kFlushMax = 2s;

  struct Identity {
    std::string instance_id;
    std::string version;
  };
  // Runs on the control loop, when a reader's thread asks.
  using Collect = std::function<std::vector<MetricFamily>()>;

  virtual ~Telemetry() = default;

  // Control loop.
  virtual void record(Span&& span) = 0;
  virtual TelemetryStats stats() const = 0;
  // The control loop turns no more: these are the last metrics.
  virtual void close(std::vector<MetricFamily> last) = 0;
  // After close(). Sends what is left. False: not within kFlushMax, and threads that wait for the collector
  // are still there; the process must end without running destructors.
  virtual bool shutdown() = 0;
};

// Null when nothing is to be exported. The loop and `collect` are used until close().
std::unique_ptr<Telemetry> make_telemetry(const TelemetrySettings& settings,
                                          const Telemetry::Identity& identity, EventLoop& loop,
                                          Telemetry::Collect collect);

}  // namespace gw
