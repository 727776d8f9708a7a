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
#include "ops/consul_registrar.h"
#include "ops/process_stats.h"

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
  McpMetrics mcp;
  consul::RegistrarStats consul;
  std::optional<size_t> sessions;  // empty: kept elsewhere
  size_t agent_streams = 0;
  bool ready = false;
  Duration uptime{};
};

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";
std::string metrics_text(const MetricsSnapshot& snapshot);

}  // namespace gw
