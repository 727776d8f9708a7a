// Our values as the SDK's.
#include <opentelemetry/sdk/instrumentationscope/instrumentation_scope.h>
#include <opentelemetry/sdk/metrics/data/metric_data.h>
#include <opentelemetry/trace/span_context.h>
#include <opentelemetry/trace/span_metadata.h>
#include <unistd.h>

#include "base/overload.h"
#include "ops/otel_parts.h"

namespace gw::otel {
namespace {

namespace trace = opentelemetry::trace;
namespace metrics = sdk::metrics;
using opentelemetry::common::SystemTimestamp;

SystemTimestamp timestamp(int64_t unix_nanoseconds) {
  return SystemTimestamp(std::chrono::nanoseconds(unix_nanoseconds));
}

opentelemetry::nostd::string_view view(std::string_view text) { return {text.data(), text.size()}; }

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

trace::SpanKind kind_of(const Span& span) {
  switch (span.kind) {
    case Span::Kind::server: return trace::SpanKind::kServer;
    case Span::Kind::producer: return trace::SpanKind::kProducer;
    case Span::Kind::internal: break;
  }
  return trace::SpanKind::kInternal;
}

metrics::InstrumentType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter: return metrics::InstrumentType::kObservableCounter;
    case MetricKind::amount: return metrics::InstrumentType::kObservableUpDownCounter;
    case MetricKind::gauge: return metrics::InstrumentType::kObservableGauge;
    case MetricKind::histogram: break;
  }
  return metrics::InstrumentType::kHistogram;
}

// Counts are whole; seconds and what a gauge says are not.
bool is_whole(const MetricFamily& family) {
  const bool counted = family.kind == MetricKind::counter || family.kind == MetricKind::amount;
  return counted && unit_of(family) != "s";
}

metrics::PointType point(const MetricFamily& family, double value, SystemTimestamp now) {
  metrics::ValueType typed = value;
  if (is_whole(family)) typed = static_cast<int64_t>(value);
  if (family.kind == MetricKind::gauge) {
    metrics::LastValuePointData last;
    last.value_ = typed;
    last.is_lastvalue_valid_ = true;
    last.sample_ts_ = now;
    return last;
  }
  metrics::SumPointData sum;
  sum.value_ = typed;
  sum.is_monotonic_ = family.kind == MetricKind::counter;
  return sum;
}

metrics::PointType point(const LatencyHistogram& latency) {
  metrics::HistogramPointData out;
  out.boundaries_.assign(LatencyHistogram::kBoundsMs.begin(), LatencyHistogram::kBoundsMs.end());
  uint64_t below = 0;
  for (size_t i = 0; i < LatencyHistogram::kBoundsMs.size(); ++i) {
    out.counts_.push_back(latency.cumulative(i) - below);
    below = latency.cumulative(i);
  }
  out.counts_.push_back(latency.count() - below);
  out.count_ = latency.count();
  out.sum_ = latency.sum_ms();
  out.record_min_max_ = false;
  return out;
}

metrics::MetricData metric_data(const MetricFamily& family, const Origin& origin, SystemTimestamp now) {
  metrics::MetricData data;
  data.instrument_descriptor = {
      std::string(family.name), std::string(family.help), std::string(unit_of(family)), type_of(family.kind),
      is_whole(family) ? metrics::InstrumentValueType::kLong : metrics::InstrumentValueType::kDouble};
  data.aggregation_temporality = metrics::AggregationTemporality::kCumulative;
  data.start_ts = timestamp(origin.started_at);
  data.end_ts = now;
  if (family.kind == MetricKind::histogram) data.point_data_attr_.push_back({{}, point(family.histogram)});
  for (const MetricSample& sample : family.samples) {
    metrics::PointAttributes attributes;
    for (const auto& [name, value] : sample.labels) attributes.SetAttribute(view(name), view(value));
    data.point_data_attr_.push_back({std::move(attributes), point(family, sample.value, now)});
  }
  return data;
}

}  // namespace

Origin make_origin(const TelemetrySettings& settings, const Telemetry::Identity& identity) {
  sdk::resource::ResourceAttributes attributes{
      {"service.version", identity.version},
      {"service.instance.id", identity.instance_id},
      {"host.name", host_name()},
      {"os.type", "linux"},
      {"process.pid", static_cast<int64_t>(getpid())},
  };
  // What the operator says wins.
  for (const auto& [name, value] : settings.resource) attributes[name] = value;
  return {sdk::resource::Resource::Create(attributes), Scope::Create("websocket-gateway", identity.version),
          unix_nanoseconds()};
}

void write_span(sdk::trace::Recordable& out, const Span& span, const Origin& origin) {
  const OpenSpan& open = span.open;
  const trace::SpanId parent(open.parent);
  const trace::TraceFlags flags(trace::TraceFlags::kIsSampled);
  out.SetIdentity(
      {trace::TraceId(open.context.trace_id), trace::SpanId(open.context.parent_id), flags, false}, parent);
  out.SetTraceFlags(flags);
  out.SetName(view(span.name));
  out.SetSpanKind(kind_of(span));
  out.SetResource(origin.resource);
  out.SetInstrumentationScope(*origin.scope);
  out.SetStartTime(timestamp(open.started_at));
  out.SetDuration(span.duration);
  for (const SpanAttribute& attribute : span.attributes) {
    std::visit(Overload{[&](const std::string& text) { out.SetAttribute(view(attribute.key), view(text)); },
                        [&](auto number) { out.SetAttribute(view(attribute.key), number); }},
               attribute.value);
  }
  if (!span.error.empty()) out.SetStatus(trace::StatusCode::kError, view(span.error));
}

metrics::MetricProducer::Result Producer::Produce() noexcept {
  const LatestMetrics::Families families = latest_.ask();
  Result result;
  result.status_ = families ? Status::kSuccess : Status::kTimeout;
  result.points_.resource_ = &origin_.resource;
  if (!families) return result;
  const SystemTimestamp now = timestamp(unix_nanoseconds());
  std::vector<metrics::MetricData> data;
  for (const MetricFamily& family : *families) {
    if (family.kind != MetricKind::histogram && family.samples.empty()) continue;
    data.push_back(metric_data(family, origin_, now));
  }
  result.points_.scope_metric_data_.emplace_back(origin_.scope.get(), std::move(data));
  return result;
}

}  // namespace gw::otel
