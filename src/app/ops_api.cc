#include "app/ops_api.h"

#include <utility>

namespace gw {

namespace {

// On Redis, where one count is a dozen commands.
constexpr Duration kCountsKeptFor = 500ms;

McpMetrics mcp_metrics(const mcp::Stats& stats, const mcp::Polls& polls) {
  McpMetrics metrics;
  for (const mcp::Tool& tool : mcp::tools()) {
    const mcp::ToolStats& counts = stats.tools[static_cast<size_t>(tool.id)];
    metrics.tools.push_back({tool.name, counts.succeeded_total, counts.failed_total});
  }
  metrics.other_requests_total = stats.other_requests_total;
  metrics.refused_total = stats.refused_total;
  metrics.waiting_polls = polls.waiting();
  metrics.logged_messages = polls.logged();
  return metrics;
}

}  // namespace

OpsApi::OpsApi(Parts parts, std::string instance_id)
    : parts_(parts),
      instance_id_(std::move(instance_id)),
      started_at_(parts_.loop.now()),
      counts_kept_for_(parts_.engine.traits().is_shared ? kCountsKeptFor : Duration::zero()) {}

void OpsApi::live(http_api::ApiRequest call) {
  call.responder.send(http::Response::json(200, R"({"status":"live"})"));
}

void OpsApi::with_health(http_api::ApiRequest call, std::function<http::Response(const Health&)> answer) {
  with_counts([this, answer = std::move(answer),
               responder = call.responder](const Result<ConnectionCounts>& counts) mutable {
    Health health;
    // A registry that does not answer is no reason to keep silent about the rest.
    health.ready = counts && parts_.gateway.is_ready();
    health.instance_id = instance_id_;
    if (counts) health.connections = *counts;
    health.uptime = parts_.loop.now() - started_at_;
    responder.send(answer(health));
  });
}

void OpsApi::with_counts(OnCounts done) {
  if (parts_.loop.now() - counted_at_ < counts_kept_for_) return done(counts_);
  counts_wanted_.push_back(std::move(done));
  if (counts_wanted_.size() > 1) return;
  parts_.post_office.count({}, false, [this](Result<ConnectionCounts> counts) {
    counts_ = std::move(counts);
    counted_at_ = parts_.loop.now();
    for (const OnCounts& wanted : std::exchange(counts_wanted_, {})) wanted(counts_);
  });
}

void OpsApi::health(http_api::ApiRequest call) {
  with_health(std::move(call), [](const Health& health) {
    return http::Response::json(health.ready ? 200 : 503, health_json(health));
  });
}

void OpsApi::detailed_health(http_api::ApiRequest call) {
  with_health(std::move(call), [this](const Health& health) {
    // The probe goes through engine and shards: draining alone leaves the engine up.
    const bool engine_up = parts_.gateway.state() != Gateway::State::not_ready;
    const EngineStats engine = parts_.engine.stats();
    std::vector<Dependency> dependencies{
        {"engine", parts_.engine.traits().kind, engine_up, engine.partitions, engine.away}};
    // Traffic does without it: no part of readiness.
    if (parts_.consul) dependencies.push_back({"consul", "consul", parts_.consul->stats().registered});
    return http::Response::json(health.ready ? 200 : 503,
                                detailed_health_json(health, dependencies, snapshot()));
  });
}

void OpsApi::metrics(http_api::ApiRequest call) {
  http::Response response;
  response.content_type = kMetricsContentType;
  response.body = metrics_text(metric_families(snapshot()));
  call.responder.send(std::move(response));
}

MetricsSnapshot OpsApi::snapshot() {
  MetricsSnapshot snapshot;
  snapshot.gateway = parts_.gateway.stats();
  if (server_) snapshot.http = server_->stats();
  const ChannelTable& channels = parts_.post_office.channels();
  for (size_t i = 0; i < channels.size(); ++i) {
    const auto channel = static_cast<ChannelIndex>(i);
    snapshot.channels.push_back({channels.name(channel), parts_.post_office.channel_stats(channel)});
  }
  snapshot.process = read_process_stats();
  if (telemetry_) snapshot.telemetry = telemetry_->stats();
  snapshot.log = log::stats();
  snapshot.engine = parts_.engine.stats();
  snapshot.runs = parts_.engine.runs().stats();
  if (parts_.consul) snapshot.consul = parts_.consul->stats();
  snapshot.sessions = parts_.engine.sessions().size();
  snapshot.webhooks = parts_.webhooks.stats();
  snapshot.agent_streams = parts_.streams.size();
  snapshot.mcp = mcp_metrics(parts_.mcp.stats(), parts_.polls);
  snapshot.ready = parts_.gateway.is_ready();
  snapshot.uptime = parts_.loop.now() - started_at_;
  return snapshot;
}

}  // namespace gw
