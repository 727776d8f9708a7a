// The SDK's parts as Telemetry uses them. Included by the sources of ops/otel_* alone, which are the only
// ones that see OpenTelemetry: its headers cost seconds of every compilation.
#pragma once

#include <opentelemetry/sdk/metrics/export/metric_producer.h>
#include <opentelemetry/sdk/metrics/push_metric_exporter.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <opentelemetry/sdk/trace/exporter.h>
#include <opentelemetry/sdk/trace/recordable.h>

#include <atomic>
#include <memory>

#include "core/span.h"
#include "ops/latest_metrics.h"
#include "ops/telemetry.h"

namespace gw::otel {

namespace sdk = opentelemetry::sdk;
using Scope = sdk::instrumentationscope::InstrumentationScope;

// Counted by the exporters' threads, read by the control loop.
struct Counts {
  std::atomic<uint64_t> spans_taken{0};  // out of the queue
  std::atomic<uint64_t> spans_exported{0};
  std::atomic<uint64_t> spans_failed{0};
  std::atomic<uint64_t> metric_exports{0};
  std::atomic<uint64_t> metric_exports_failed{0};
};

// Who says all this. Both live as long as the exporters.
struct Origin {
  sdk::resource::Resource resource;
  std::unique_ptr<Scope> scope;
  int64_t started_at;  // unix, nanoseconds
};
Origin make_origin(const TelemetrySettings& settings, const Telemetry::Identity& identity);

// The OTLP exporters, counting; headers and certificates are what the SDK reads from the environment.
std::unique_ptr<sdk::trace::SpanExporter> make_span_exporter(const OtlpSignal& signal, Counts& counts);
std::unique_ptr<sdk::metrics::PushMetricExporter> make_metric_exporter(const OtlpSignal& signal,
                                                                       Counts& counts);

void write_span(sdk::trace::Recordable& out, const Span& span, const Origin& origin);

// Turns our families into the SDK's.
class Producer final : public sdk::metrics::MetricProducer {
 public:
  // Both outlive it.
  Producer(LatestMetrics& latest, const Origin& origin) : latest_(latest), origin_(origin) {}
  Result Produce() noexcept override;

 private:
  LatestMetrics& latest_;
  const Origin& origin_;
};

// The SDK's complaints become lines of our log: otel_export_failed, one of them every ten seconds.
void take_over_log();
// How often the SDK said on this thread that something went wrong.
uint64_t errors_said();

}  // namespace gw::otel
