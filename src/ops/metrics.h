// /metrics: one snapshot of everything the gateway counts, in the Prometheus text format. Names follow the
// OpenTelemetry ones of docs/OPERATIONS.md, dots turned into underscores. No label comes from outside.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/broker.h"
#include "gateway/stats.h"
#include "net/http/server.h"
#include "ops/process_stats.h"

namespace gw {

struct ChannelMetrics {
  std::string_view channel;  // a configured one
  ChannelStats stats;
};

struct MetricsSnapshot {
  GatewayStats gateway;
  http::ServerStats http;
  std::vector<ChannelMetrics> channels;
  ProcessStats process;
  EngineStats engine;
  std::optional<size_t> sessions;  // empty: kept elsewhere
  size_t agent_streams = 0;
  bool ready = false;
  Duration uptime{};
};

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";
std::string metrics_text(const MetricsSnapshot& snapshot);

}  // namespace gw
