// One snapshot of everything the gateway counts, and the metrics that come of it: /metrics shows them in the
// Prometheus text format, ops/telemetry.h exports them. No label comes from outside.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "core/engine.h"
#include "core/run_store.h"
#include "core/webhook_stats.h"
#include "gateway/stats.h"
#include "net/http/server.h"
#include "ops/consul_registrar.h"
#include "ops/metric_family.h"
#include "ops/process_stats.h"
#include "ops/telemetry_stats.h"

namespace gw {

struct ChannelMetrics {
  std::string_view channel;  // a configured one
  ChannelStats stats;
};

struct McpMetrics {
  struct Tool {
    std::string_view name;  // one of ours
    uint64_t succeeded_total = 0;
    uint64_t failed_total = 0;
  };
  std::vector<Tool> tools;
  uint64_t other_requests_total = 0;
  uint64_t refused_total = 0;
  size_t waiting_polls = 0;
  size_t logged_messages = 0;
};

struct MetricsSnapshot {
  GatewayStats gateway;
  http::ServerStats http;
  std::vector<ChannelMetrics> channels;
  ProcessStats process;
  EngineStats engine;
  RunStats runs;
  McpMetrics mcp;
  WebhookStats webhooks;
  consul::RegistrarStats consul;
  TelemetryStats telemetry;
  log::Stats log;
  std::optional<size_t> sessions;  // empty: kept elsewhere
  size_t agent_streams = 0;
  bool ready = false;
  Duration uptime{};
};

std::vector<MetricFamily> metric_families(const MetricsSnapshot& snapshot);

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";
std::string metrics_text(const std::vector<MetricFamily>& families);

}  // namespace gw
