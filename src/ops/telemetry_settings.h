// The OTEL_* variables of the OpenTelemetry specification: those that the SDK does not read, or reads
// differently, and a check of those that it reads itself. They belong to every program on a machine: what is
// wrong, or not known here, is warned of and counts as not set, as the specification has it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "core/sampler.h"

namespace gw {

enum class OtlpProtocol { grpc, http_protobuf, http_json };

struct OtlpSignal {
  bool enabled = false;
  OtlpProtocol protocol = OtlpProtocol::http_protobuf;
  Duration timeout = 10s;  // of one export
  std::string endpoint;    // the whole address
  bool gzip = false;
};

struct TelemetrySettings {
  OtlpSignal traces;
  OtlpSignal metrics;
  TraceOptions tracing;
  size_t queue_size = 2048;  // spans
  size_t batch_size = 512;
  Duration batch_delay = 5s;
  Duration metric_interval = 60s;
  Duration metric_timeout = 30s;  // less than the interval
  // service.name, and what OTEL_RESOURCE_ATTRIBUTES says.
  std::vector<std::pair<std::string, std::string>> resource;

  bool enabled() const { return traces.enabled || metrics.enabled; }
};

// Adds a line for each value that is not used, which names the variable and holds nothing secret. Empty
// counts as not set.
TelemetrySettings read_telemetry_settings(const std::map<std::string, std::string>& environment,
                                          std::vector<std::string>& warnings);

}  // namespace gw
