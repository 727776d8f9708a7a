#include <opentelemetry/exporters/otlp/otlp_grpc_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_grpc_metric_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_grpc_metric_exporter_options.h>
#include <opentelemetry/exporters/otlp/otlp_http_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_exporter_options.h>
#include <opentelemetry/exporters/otlp/otlp_http_metric_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_metric_exporter_options.h>

#include "ops/otel_parts.h"

namespace gw::otel {
namespace {

namespace otlp = opentelemetry::exporter::otlp;
using sdk::common::ExportResult;

// SDK 1.19's HTTP exporters answer kSuccess whatever happened; but they say the error, on the thread that
// exports, before they return.
template <class Export>
bool succeeds(Export&& run) {
  const uint64_t before = errors_said();
  return run() == ExportResult::kSuccess && errors_said() == before;
}

class SpanExporter final : public sdk::trace::SpanExporter {
 public:
  SpanExporter(std::unique_ptr<sdk::trace::SpanExporter> inner, Counts& counts)
      : inner_(std::move(inner)), counts_(counts) {}

  std::unique_ptr<sdk::trace::Recordable> MakeRecordable() noexcept override {
    return inner_->MakeRecordable();
  }
  ExportResult Export(
      const opentelemetry::nostd::span<std::unique_ptr<sdk::trace::Recordable>>& spans) noexcept override {
    const size_t count = spans.size();
    counts_.spans_taken += count;
    const bool taken = succeeds([&] { return inner_->Export(spans); });
    (taken ? counts_.spans_exported : counts_.spans_failed) += count;
    return taken ? ExportResult::kSuccess : ExportResult::kFailure;
  }
  bool ForceFlush(std::chrono::microseconds timeout) noexcept override { return inner_->ForceFlush(timeout); }
  bool Shutdown(std::chrono::microseconds timeout) noexcept override { return inner_->Shutdown(timeout); }

 private:
  const std::unique_ptr<sdk::trace::SpanExporter> inner_;
  Counts& counts_;
};

class MetricExporter final : public sdk::metrics::PushMetricExporter {
 public:
  MetricExporter(std::unique_ptr<sdk::metrics::PushMetricExporter> inner, Counts& counts)
      : inner_(std::move(inner)), counts_(counts) {}

  ExportResult Export(const sdk::metrics::ResourceMetrics& data) noexcept override {
    // A control loop that did not answer in time: nothing to send.
    if (data.scope_metric_data_.empty()) return ExportResult::kFailure;
    const bool taken = succeeds([&] { return inner_->Export(data); });
    ++(taken ? counts_.metric_exports : counts_.metric_exports_failed);
    return taken ? ExportResult::kSuccess : ExportResult::kFailure;
  }
  sdk::metrics::AggregationTemporality GetAggregationTemporality(
      sdk::metrics::InstrumentType) const noexcept override {
    return sdk::metrics::AggregationTemporality::kCumulative;
  }
  bool ForceFlush(std::chrono::microseconds timeout) noexcept override { return inner_->ForceFlush(timeout); }
  bool Shutdown(std::chrono::microseconds timeout) noexcept override { return inner_->Shutdown(timeout); }

 private:
  const std::unique_ptr<sdk::metrics::PushMetricExporter> inner_;
  Counts& counts_;
};

template <class Options>
Options with_timeout(const OtlpSignal& signal) {
  Options options;
  options.timeout = std::chrono::duration_cast<std::chrono::system_clock::duration>(signal.timeout);
  options.compression = signal.gzip ? "gzip" : "none";
  return options;
}

template <class Options>
Options grpc_options(const OtlpSignal& signal) {
  auto options = with_timeout<Options>(signal);
  options.endpoint = signal.endpoint;
  options.use_ssl_credentials = signal.endpoint.starts_with("https://");
  return options;
}

template <class Options>
Options http_options(const OtlpSignal& signal) {
  auto options = with_timeout<Options>(signal);
  options.url = signal.endpoint;
  options.content_type = signal.protocol == OtlpProtocol::http_json ? otlp::HttpRequestContentType::kJson
                                                                    : otlp::HttpRequestContentType::kBinary;
  return options;
}

}  // namespace

std::unique_ptr<sdk::trace::SpanExporter> make_span_exporter(const OtlpSignal& signal, Counts& counts) {
  auto inner =
      signal.protocol == OtlpProtocol::grpc
          ? otlp::OtlpGrpcExporterFactory::Create(grpc_options<otlp::OtlpGrpcExporterOptions>(signal))
          : otlp::OtlpHttpExporterFactory::Create(http_options<otlp::OtlpHttpExporterOptions>(signal));
  return std::make_unique<SpanExporter>(std::move(inner), counts);
}

std::unique_ptr<sdk::metrics::PushMetricExporter> make_metric_exporter(const OtlpSignal& signal,
                                                                       Counts& counts) {
  auto inner = signal.protocol == OtlpProtocol::grpc
                   ? otlp::OtlpGrpcMetricExporterFactory::Create(
                         grpc_options<otlp::OtlpGrpcMetricExporterOptions>(signal))
                   : otlp::OtlpHttpMetricExporterFactory::Create(
                         http_options<otlp::OtlpHttpMetricExporterOptions>(signal));
  return std::make_unique<MetricExporter>(std::move(inner), counts);
}

}  // namespace gw::otel
