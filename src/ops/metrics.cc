#include "ops/metrics.h"

#include <fmt/format.h>

#include <functional>

#include "ops/metrics_writer.h"

namespace gw {
namespace {

using Type = MetricsWriter::Type;

double number(uint64_t count) { return static_cast<double>(count); }

void append_clients(MetricsWriter& writer, const ShardStats& stats) {
  writer
      .gauge("websocket_connections_active", "WebSocket connections that are open.",
             number(stats.connections_active))
      .counter("websocket_connections_total", "WebSocket connections that were accepted.",
               number(stats.connections_total))
      .counter("websocket_handshakes_refused_total", "Handshakes answered with an HTTP error.",
               number(stats.handshakes_refused_total))
      .counter("websocket_messages_received_total", "Messages received from clients.",
               number(stats.messages_received_total))
      .counter("websocket_messages_sent_total", "Messages sent to clients.",
               number(stats.messages_sent_total))
      .counter("websocket_bytes_received_total", "Bytes received from clients.",
               number(stats.bytes_received_total))
      .counter("websocket_bytes_sent_total", "Bytes sent to clients.", number(stats.bytes_sent_total))
      .counter("websocket_errors_total", "Error messages sent to clients.", number(stats.errors_total))
      .counter("websocket_rate_pauses_total", "Times a client was read no further because of its rate.",
               number(stats.rate_pauses_total))
      .counter("gateway_accept_failures_total", "Connections not accepted for lack of descriptors or memory.",
               number(stats.accept_failures_total));
  writer.family("websocket_closes_total", Type::counter, "Connections that have ended, by close code.");
  for (const auto& [code, count] : stats.closes_by_code) {
    writer.sample(number(count), {{"code", fmt::to_string(code)}});
  }
}

void append_latency(MetricsWriter& writer, const LatencyHistogram& latency) {
  writer.family("websocket_message_latency_ms", Type::histogram,
                "Milliseconds from a client's message to the engine's answer.");
  for (size_t i = 0; i < LatencyHistogram::kBoundsMs.size(); ++i) {
    writer.sample(number(latency.cumulative(i)), {{"le", fmt::format("{}", LatencyHistogram::kBoundsMs[i])}},
                  "_bucket");
  }
  writer.sample(number(latency.count()), {{"le", "+Inf"}}, "_bucket")
      .sample(latency.sum_ms(), {}, "_sum")
      .sample(number(latency.count()), {}, "_count");
}

void append_routing(MetricsWriter& writer, const GatewayStats& stats) {
  writer.family("websocket_messages_routed_total", Type::counter, "Clients' messages by what became of them.")
      .sample(number(stats.messages_published_total), {{"outcome", "published"}})
      .sample(number(stats.messages_queued_total), {{"outcome", "queued"}})
      .sample(number(stats.messages_duplicate_total), {{"outcome", "duplicate"}})
      .sample(number(stats.messages_rejected_total), {{"outcome", "rejected"}});
  writer.counter("gateway_publications_total", "Publications to channels.", number(stats.publications_total))
      .counter("gateway_sends_total", "Messages sent to single connections.", number(stats.sends_total))
      .gauge("gateway_mailbox_items", "Items on their way from the shards to the control loop.",
             number(stats.mailbox_items));
}

void append_channels(MetricsWriter& writer, const std::vector<ChannelMetrics>& channels) {
  const auto family = [&](std::string_view name, std::string_view help,
                          const std::function<double(const ChannelStats&)>& value) {
    writer.family(name, Type::gauge, help);
    for (const ChannelMetrics& item : channels) writer.sample(value(item.stats), {{"channel", item.channel}});
  };
  family("gateway_queue_size", "Messages that wait for an agent.",
         [](const ChannelStats& s) { return number(s.queue_size); });
  family("gateway_queue_bytes", "Bytes of the messages that wait for an agent.",
         [](const ChannelStats& s) { return number(s.queue_bytes); });
  family("gateway_agents", "Agents subscribed to the channel.",
         [](const ChannelStats& s) { return number(s.agents); });
  family("gateway_unacknowledged", "Messages delivered to groups and not yet acknowledged.",
         [](const ChannelStats& s) { return number(s.unacknowledged); });
  family("gateway_circuit_open", "1 while the channel's circuit is open, 0.5 half open, 0 closed.",
         [](const ChannelStats& s) {
           return s.circuit_state == "open" ? 1.0 : s.circuit_state == "half_open" ? 0.5 : 0.0;
         });
}

void append_service(MetricsWriter& writer, const MetricsSnapshot& snapshot) {
  const http::ServerStats& http = snapshot.http;
  writer.gauge("gateway_ready", "1 when the gateway takes connections.", snapshot.ready ? 1 : 0)
      .gauge("gateway_uptime_seconds", "Seconds since the start.",
             std::chrono::duration<double>(snapshot.uptime).count())
      .gauge("gateway_sessions", "Sessions kept in this process, ended ones included.",
             number(snapshot.sessions.value_or(0)))
      .gauge("gateway_agent_streams", "Open event streams of agents.", number(snapshot.agent_streams))
      .gauge("gateway_http_connections", "Open connections of the service API.", number(http.connections))
      .counter("gateway_http_requests_total", "Requests to the service API.", number(http.requests_total))
      .gauge("gateway_http_buffered_bytes", "Bytes kept for connections of the service API.",
             number(http.buffered_bytes));
  writer.family("gateway_http_errors_total", Type::counter, "Error answers of the service API.")
      .sample(number(http.responses_4xx_total), {{"class", "4xx"}})
      .sample(number(http.responses_5xx_total), {{"class", "5xx"}});
}

void append_mcp(MetricsWriter& writer, const McpMetrics& mcp) {
  writer.family("gateway_mcp_tool_calls_total", Type::counter, "Calls of MCP tools by what became of them.");
  for (const McpMetrics::Tool& tool : mcp.tools) {
    writer.sample(number(tool.succeeded_total), {{"tool", tool.name}, {"outcome", "succeeded"}})
        .sample(number(tool.failed_total), {{"tool", tool.name}, {"outcome", "failed"}});
  }
  writer
      .counter("gateway_mcp_other_requests_total", "MCP requests that call no tool: discovery and lists.",
               number(mcp.other_requests_total))
      .counter("gateway_mcp_refused_total",
               "MCP requests that broke the protocol, or whose key lacks the scope.",
               number(mcp.refused_total))
      .gauge("gateway_mcp_waiting_polls", "Calls of websocket_subscribe_to_channel that wait.",
             number(mcp.waiting_polls))
      .gauge("gateway_mcp_logged_messages", "Messages kept for MCP clients to fetch.",
             number(mcp.logged_messages));
}

void append_engine(MetricsWriter& writer, const EngineStats& engine) {
  writer
      .gauge("gateway_engine_connected", "1 while the engine's server is connected.",
             engine.connected ? 1 : 0)
      .counter("gateway_engine_commands_total", "Commands sent to the engine's server.",
               number(engine.commands_total))
      .counter("gateway_engine_errors_total", "Error answers of the engine's server.",
               number(engine.errors_total))
      .counter("gateway_engine_losses_total", "Connections to the engine's server that were lost.",
               number(engine.losses_total))
      .gauge("gateway_engine_pending", "Commands that the engine's server has not answered yet.",
             number(engine.pending));
}

void append_consul(MetricsWriter& writer, const consul::RegistrarStats& consul) {
  writer
      .gauge("gateway_consul_registered", "1 while Consul says that it knows this instance.",
             consul.registered ? 1 : 0)
      .counter("gateway_consul_errors_total", "Requests to Consul that failed.", number(consul.errors_total));
}

void append_process(MetricsWriter& writer, const ProcessStats& process) {
  writer.counter("process_cpu_seconds_total", "User and system CPU time.", process.cpu_seconds)
      .gauge("process_resident_memory_bytes", "Resident memory.", number(process.resident_bytes))
      .gauge("process_max_fds", "Descriptors the process may open.", number(process.descriptors_max));
}

}  // namespace

std::string metrics_text(const MetricsSnapshot& snapshot) {
  std::string out;
  MetricsWriter writer(out);
  append_clients(writer, snapshot.gateway.shards);
  append_latency(writer, snapshot.gateway.message_latency);
  append_routing(writer, snapshot.gateway);
  append_channels(writer, snapshot.channels);
  append_service(writer, snapshot);
  append_mcp(writer, snapshot.mcp);
  append_engine(writer, snapshot.engine);
  append_consul(writer, snapshot.consul);
  append_process(writer, snapshot.process);
  return out;
}

}  // namespace gw
