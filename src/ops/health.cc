#include "ops/health.h"

#include "json/json.h"

namespace gw {
namespace {

void append_map(json::Writer& writer, std::string_view name, const std::map<std::string, size_t>& counts) {
  writer.key(name).begin_object();
  for (const auto& [key, count] : counts) writer.member(key, count);
  writer.end_object();
}

void append_health(json::Writer& writer, const Health& health) {
  writer.member("status", health.ready ? "ready" : "not_ready")
      .member("instance_id", health.instance_id)
      .key("connections")
      .begin_object()
      .member("global", health.connections.global);
  append_map(writer, "by_channel", health.connections.by_channel);
  append_map(writer, "by_gateway", health.connections.by_gateway);
  const auto uptime = std::chrono::duration_cast<std::chrono::milliseconds>(health.uptime);
  writer.end_object().member("uptime_seconds", static_cast<double>(uptime.count()) / 1000);
}

void append_figures(json::Writer& writer, const MetricsSnapshot& snapshot) {
  const GatewayStats& gateway = snapshot.gateway;
  writer.member("connections_active", gateway.shards.connections_active)
      .member("connections_total", gateway.shards.connections_total)
      .member("messages_received", gateway.shards.messages_received_total)
      .member("messages_sent", gateway.shards.messages_sent_total)
      .member("messages_published", gateway.messages_published_total)
      .member("messages_queued", gateway.messages_queued_total)
      .member("messages_rejected", gateway.messages_rejected_total)
      .member("errors", gateway.shards.errors_total)
      .member("publications", gateway.publications_total)
      .member("sends", gateway.sends_total)
      .member("sessions", snapshot.sessions.value_or(0))
      .member("agent_streams", snapshot.agent_streams)
      .member("http_requests", snapshot.http.requests_total)
      .member("resident_bytes", snapshot.process.resident_bytes)
      .member("cpu_seconds", snapshot.process.cpu_seconds);
}

void append_partitions(json::Writer& writer, const Dependency& dependency) {
  writer.member("partitions", dependency.partitions).key("partitions_away").begin_array();
  for (const std::string& name : dependency.away) writer.value(name);
  writer.end_array();
}

}  // namespace

std::string health_json(const Health& health) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  append_health(writer, health);
  writer.end_object();
  return body;
}

std::string detailed_health_json(const Health& health, const std::vector<Dependency>& dependencies,
                                 const MetricsSnapshot& snapshot) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  append_health(writer, health);
  writer.key("dependencies").begin_object();
  for (const Dependency& dependency : dependencies) {
    writer.key(dependency.name)
        .begin_object()
        .member("kind", dependency.kind)
        .member("status", dependency.up ? "up" : "down");
    if (dependency.partitions > 1) append_partitions(writer, dependency);
    writer.end_object();
  }
  writer.end_object().key("metrics").begin_object();
  append_figures(writer, snapshot);
  writer.end_object().end_object();
  return body;
}

}  // namespace gw
