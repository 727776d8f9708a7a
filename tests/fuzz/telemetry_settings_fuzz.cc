// The OTEL_* variables with any values: the variables' values in the order of kNames, separated by NUL. A
// complaint is one line that names its variable, and shows nothing of what may be secret.
#include "ops/telemetry_settings.h"

#include <cstddef>
#include <cstdint>

#include "base/assert.h"

namespace {

constexpr const char* kNames[] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_SERVICE_NAME",
    "OTEL_PROPAGATORS",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_METRIC_EXPORT_TIMEOUT",
};

void expect_discreet(const std::string& line) {
  ASSERT(line.starts_with("variable OTEL_"));
  for (const char c : line) ASSERT(static_cast<unsigned char>(c) >= ' ');
  const size_t name_end = line.find(": ");
  if (line.substr(0, name_end).ends_with("HEADERS")) {
    ASSERT(line.substr(name_end) == ": its value is not used: expected name=value,name=value");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::map<std::string, std::string> environment;
  for (const char* name : kNames) {
    const std::string_view value = rest.substr(0, rest.find('\0'));
    environment[name] = value;
    rest.remove_prefix(std::min(value.size() + 1, rest.size()));
  }
  std::vector<std::string> warnings;
  const gw::TelemetrySettings settings = gw::read_telemetry_settings(environment, warnings);
  for (const std::string& line : warnings) expect_discreet(line);
  ASSERT(settings.batch_size >= 1 && settings.batch_size <= settings.queue_size);
  ASSERT(settings.metric_timeout < settings.metric_interval);
  ASSERT(settings.tracing.enabled == settings.traces.enabled);
  return 0;
}
