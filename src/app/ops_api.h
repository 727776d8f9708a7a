// Health and metrics as calls: gathers the figures of every part into one snapshot.
#pragma once

#include <functional>
#include <vector>

#include "core/engine.h"
#include "gateway/gateway.h"
#include "ops/health.h"
#include "ops/metrics.h"
#include "ops/telemetry.h"
#include "post_office/http_api/api_request.h"
#include "post_office/http_api/event_streams.h"
#include "post_office/mcp/server.h"
#include "post_office/webhooks/webhooks.h"

namespace gw {

class OpsApi {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    const Gateway& gateway;
    PostOffice& post_office;
    Engine& engine;
    const http_api::EventStreams& streams;
    const Webhooks& webhooks;
    const mcp::Polls& polls;
    const mcp::Server& mcp;
    const consul::Registrar* consul;  // null: none
  };

  OpsApi(Parts parts, std::string instance_id);

  // Whose counters /metrics shows; the server's handler needs this object, so it comes later.
  void watch(const http::Server& server) { server_ = &server; }
  void watch(const Telemetry* telemetry) { telemetry_ = telemetry; }  // null: nothing is exported
  MetricsSnapshot snapshot();

  void live(http_api::ApiRequest call);
  void health(http_api::ApiRequest call);
  void detailed_health(http_api::ApiRequest call);
  void metrics(http_api::ApiRequest call);

 private:
  using OnCounts = std::function<void(const Result<ConnectionCounts>&)>;

  void with_health(http_api::ApiRequest call, std::function<http::Response(const Health&)> answer);
  void with_counts(OnCounts done);

  const Parts parts_;
  const std::string instance_id_;
  const TimePoint started_at_;
  const http::Server* server_ = nullptr;
  const Telemetry* telemetry_ = nullptr;

  // Anybody may ask for the health; how often the engine counts does not depend on them.
  const Duration counts_kept_for_;
  Result<ConnectionCounts> counts_ = Error{Errc::unavailable, "not counted yet"};
  TimePoint counted_at_;
  std::vector<OnCounts> counts_wanted_;  // while the engine counts
};

}  // namespace gw
