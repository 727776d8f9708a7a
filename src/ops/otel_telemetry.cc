#include <opentelemetry/sdk/common/global_log_handler.h>
#include <opentelemetry/sdk/metrics/export/periodic_exporting_metric_reader.h>
#include <opentelemetry/sdk/trace/batch_span_processor.h>

#include <cstdlib>
#include <future>
#include <thread>

#include "base/log.h"
#include "ops/otel_parts.h"

namespace gw {
namespace otel {
namespace {

namespace internal_log = sdk::common::internal_log;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kSayEvery = 10s;
constexpr size_t kSaidMax = 300;

thread_local uint64_t said_errors = 0;

class LogHandler final : public internal_log::LogHandler {
 public:
  void Handle(internal_log::LogLevel level, const char*, int, const char* message,
              const sdk::common::AttributeMap&) noexcept override {
    if (level > internal_log::LogLevel::Warning) return;
    if (level == internal_log::LogLevel::Error) ++said_errors;
    const int64_t now = steady_now().time_since_epoch().count();
    int64_t next = next_.load(std::memory_order_relaxed);
    if (now < next || !next_.compare_exchange_strong(next, now + Duration(kSayEvery).count())) return;
    log::warn("otel_export_failed", {{"reason", std::string_view(message).substr(0, kSaidMax)}});
  }

 private:
  std::atomic<int64_t> next_{std::numeric_limits<int64_t>::min()};
};

class Exports final : public Telemetry {
 public:
  Exports(const TelemetrySettings& settings, const Identity& identity, EventLoop& loop, Collect collect)
      : queue_size_(settings.queue_size),
        origin_(make_origin(settings, identity)),
        latest_(loop, std::move(collect)),
        producer_(latest_, origin_) {
    if (settings.traces.enabled) start_traces(settings);
    if (settings.metrics.enabled) start_metrics(settings);
  }

  void record(Span&& span) override {
    if (!spans_) return;
    // The processor drops silently when its queue is full; so it never gets to be. This loop alone fills it.
    if (queued() >= queue_size_) {
      ++spans_queue_full_;
      return;
    }
    ++spans_given_;
    std::unique_ptr<sdk::trace::Recordable> recordable = spans_->MakeRecordable();
    write_span(*recordable, span, origin_);
    spans_->OnEnd(std::move(recordable));
  }

  TelemetryStats stats() const override {
    TelemetryStats stats;
    stats.spans_exported = counts_.spans_exported;
    stats.spans_queue_full = spans_queue_full_;
    stats.spans_export_failed = counts_.spans_failed;
    stats.spans_queued = queued();
    stats.metric_exports = counts_.metric_exports;
    stats.metric_exports_failed = counts_.metric_exports_failed;
    return stats;
  }

  void close(std::vector<MetricFamily> last) override { latest_.close(std::move(last)); }

  // The SDK waits for its threads, and they for the collector, however long its timeouts are.
  bool shutdown() override {
    std::promise<void> ended;
    std::future<void> end = ended.get_future();
    std::thread flusher([this, ended = std::move(ended)]() mutable {
      flush();
      ended.set_value();
    });
    const bool in_time = end.wait_for(kFlushMax) == std::future_status::ready;
    if (in_time) {
      flusher.join();
    } else {
      flusher.detach();
      log::warn("otel_flush_cut_off", {{"spans", queued()}});
    }
    return in_time;
  }

 private:
  void start_traces(const TelemetrySettings& settings) {
    sdk::trace::BatchSpanProcessorOptions options;
    options.max_queue_size = settings.queue_size;
    options.max_export_batch_size = settings.batch_size;
    options.schedule_delay_millis = duration_cast<milliseconds>(settings.batch_delay);
    spans_ = std::make_unique<sdk::trace::BatchSpanProcessor>(make_span_exporter(settings.traces, counts_),
                                                              options);
  }

  void start_metrics(const TelemetrySettings& settings) {
    sdk::metrics::PeriodicExportingMetricReaderOptions options;
    options.export_interval_millis = duration_cast<milliseconds>(settings.metric_interval);
    options.export_timeout_millis = duration_cast<milliseconds>(settings.metric_timeout);
    reader_ = std::make_unique<sdk::metrics::PeriodicExportingMetricReader>(
        make_metric_exporter(settings.metrics, counts_), options);
    reader_->SetMetricProducer(&producer_);
  }

  void flush() {
    constexpr auto kPatience = duration_cast<microseconds>(kFlushMax);
    if (reader_) {
      reader_->ForceFlush(kPatience);
      reader_->Shutdown(kPatience);
    }
    if (spans_) spans_->Shutdown(kPatience);
  }

  size_t queued() const { return static_cast<size_t>(spans_given_ - counts_.spans_taken); }

  const size_t queue_size_;
  Counts counts_;
  const Origin origin_;
  LatestMetrics latest_;
  Producer producer_;
  uint64_t spans_given_ = 0;
  uint64_t spans_queue_full_ = 0;
  std::unique_ptr<sdk::trace::BatchSpanProcessor> spans_;
  std::unique_ptr<sdk::metrics::PeriodicExportingMetricReader> reader_;
};

}  // namespace

uint64_t errors_said() { return said_errors; }

void take_over_log() {
  internal_log::GlobalLogHandler::SetLogHandler(
      opentelemetry::nostd::shared_ptr<internal_log::LogHandler>(new LogHandler));
  internal_log::GlobalLogHandler::SetLogLevel(internal_log::LogLevel::Warning);
  // gRPC writes to standard error by itself otherwise, in a form of its own.
  setenv("GRPC_VERBOSITY", "NONE", 0);
}

}  // namespace otel

std::unique_ptr<Telemetry> make_telemetry(const TelemetrySettings& settings,
                                          const Telemetry::Identity& identity, EventLoop& loop,
                                          Telemetry::Collect collect) {
  if (!settings.enabled()) return nullptr;
  otel::take_over_log();
  return std::make_unique<otel::Exports>(settings, identity, loop, std::move(collect));
}

}  // namespace gw
