#include "ops/metrics.h"

#include <fmt/format.h>

#include "ops/metrics_writer.h"

namespace gw {
namespace {

double number(uint64_t count) { return static_cast<double>(count); }

void append_clients(MetricFamilies& families, const ShardStats& stats) {
  families
      .amount("websocket.connections.active", "WebSocket connections that are open.",
              number(stats.connections_active))
      .counter("websocket.connections.total", "WebSocket connections that were accepted.",
               number(stats.connections_total))
      .counter("websocket.handshakes.refused", "Handshakes answered with an HTTP error.",
               number(stats.handshakes_refused_total))
      .counter("websocket.messages.received", "Messages received from clients.",
               number(stats.messages_received_total))
      .counter("websocket.messages.sent", "Messages sent to clients.", number(stats.messages_sent_total))
      .counter("websocket.bytes.received", "Bytes received from clients.", number(stats.bytes_received_total))
      .counter("websocket.bytes.sent", "Bytes sent to clients.", number(stats.bytes_sent_total))
      .counter("websocket.errors", "Error messages sent to clients.", number(stats.errors_total))
      .counter("websocket.rate.pauses", "Times a client was read no further because of its rate.",
               number(stats.rate_pauses_total))
      .counter("gateway.accept.failures", "Connections not accepted for lack of descriptors or memory.",
               number(stats.accept_failures_total));
  families.family("websocket.closes", MetricKind::counter, "Connections that have ended, by close code.");
  for (const auto& [code, count] : stats.closes_by_code) {
    families.sample(number(count), {{"code", fmt::to_string(code)}});
  }
}

// Of all listeners of ours.
void append_tls(MetricFamilies& families, const TlsStats& stats) {
  families
      .family("gateway.tls.handshakes", MetricKind::counter,
              "TLS handshakes that were completed, by version.")
      .sample(number(stats.tls12_total), {{"version", "1.2"}})
      .sample(number(stats.tls13_total), {{"version", "1.3"}});
  families.counter("gateway.tls.resumptions", "TLS handshakes that a ticket of an earlier one has spared.",
                   number(stats.resumed_total));
  families.family("gateway.tls.failures", MetricKind::counter,
                  "Connections that ended before their TLS handshake was complete, by reason.");
  for (size_t i = 0; i < kTlsFailures; ++i)
    families.sample(number(stats.failures_total[i]), {{"reason", to_string(static_cast<TlsFailure>(i))}});
}

// The Prometheus text has cumulative buckets, and the sum and the count beside them.
void append_histogram(MetricsWriter& writer, const LatencyHistogram& latency) {
  for (size_t i = 0; i < LatencyHistogram::kBoundsMs.size(); ++i) {
    writer.sample(number(latency.cumulative(i)), {{"le", fmt::format("{}", LatencyHistogram::kBoundsMs[i])}},
                  "_bucket");
  }
  writer.sample(number(latency.count()), {{"le", "+Inf"}}, "_bucket")
      .sample(latency.sum_ms(), {}, "_sum")
      .sample(number(latency.count()), {}, "_count");
}

void append_routing(MetricFamilies& families, const GatewayStats& stats) {
  families
      .family("websocket.messages.routed", MetricKind::counter, "Clients' messages by what became of them.")
      .sample(number(stats.messages_published_total), {{"outcome", "published"}})
      .sample(number(stats.messages_queued_total), {{"outcome", "queued"}})
      .sample(number(stats.messages_duplicate_total), {{"outcome", "duplicate"}})
      .sample(number(stats.messages_rejected_total), {{"outcome", "rejected"}});
  families
      .family(
          "gateway.tickets", MetricKind::counter,
          "Tickets with which clients move to other instances: given, and taken or not of those that came.")
      .sample(number(stats.shards.tickets_issued_total), {{"outcome", "issued"}})
      .sample(number(stats.tickets_accepted_total), {{"outcome", "accepted"}})
      .sample(number(stats.tickets_refused_total), {{"outcome", "refused"}});
  families.counter("gateway.publications", "Publications to channels.", number(stats.publications_total))
      .counter("gateway.sends", "Messages sent to single connections.", number(stats.sends_total))
      .amount("gateway.mailbox.items", "Items on their way from the shards to the control loop.",
              number(stats.mailbox_items));
}

void append_channels(MetricFamilies& families, const std::vector<ChannelMetrics>& channels) {
  const auto family = [&](std::string_view name, std::string_view help, auto&& value,
                          MetricKind kind = MetricKind::amount) {
    families.family(name, kind, help);
    for (const ChannelMetrics& item : channels)
      families.sample(value(item.stats), {{"channel", item.channel}});
  };
  family("gateway.queue.size", "Messages that wait for an agent.",
         [](const ChannelStats& s) { return number(s.queue_size); });
  family("gateway.queue.bytes", "Bytes of the messages that wait for an agent.",
         [](const ChannelStats& s) { return number(s.queue_bytes); });
  family("gateway.agents", "Agents subscribed to the channel.",
         [](const ChannelStats& s) { return number(s.agents); });
  family("gateway.unacknowledged", "Messages delivered to groups and not yet acknowledged.",
         [](const ChannelStats& s) { return number(s.unacknowledged); });
  family(
      "gateway.dead_letters",
      "Messages that groups of agents gave up: too often delivered, too old, or too many.",
      [](const ChannelStats& s) { return number(s.dead_letters_total); }, MetricKind::counter);
  family(
      "gateway.circuit.open", "1 while the channel's circuit is open, 0.5 half open, 0 closed.",
      [](const ChannelStats& s) {
        return s.circuit_state == "open" ? 1.0 : s.circuit_state == "half_open" ? 0.5 : 0.0;
      },
      MetricKind::gauge);
}

void append_service(MetricFamilies& families, const MetricsSnapshot& snapshot) {
  const http::ServerStats& http = snapshot.http;
  families.gauge("gateway.ready", "1 when the gateway takes connections.", snapshot.ready ? 1 : 0)
      .gauge("gateway.uptime_seconds", "Seconds since the start.",
             std::chrono::duration<double>(snapshot.uptime).count())
      .amount("gateway.sessions", "Sessions kept in this process, ended ones included.",
              number(snapshot.sessions.value_or(0)))
      .amount("gateway.agent.streams", "Open event streams of agents.", number(snapshot.agent_streams))
      .amount("gateway.http.connections", "Open connections of the service API.", number(http.connections))
      .counter("gateway.http.requests", "Requests to the service API.", number(http.requests_total))
      .amount("gateway.http.buffered_bytes", "Bytes kept for connections of the service API.",
              number(http.buffered_bytes));
  families.family("gateway.http.errors", MetricKind::counter, "Error answers of the service API.")
      .sample(number(http.responses_4xx_total), {{"class", "4xx"}})
      .sample(number(http.responses_5xx_total), {{"class", "5xx"}});
}

void append_mcp(MetricFamilies& families, const McpMetrics& mcp) {
  families.family("gateway.mcp.tool.calls", MetricKind::counter,
                  "Calls of MCP tools by what became of them.");
  for (const McpMetrics::Tool& tool : mcp.tools) {
    families.sample(number(tool.succeeded_total), {{"tool", tool.name}, {"outcome", "succeeded"}})
        .sample(number(tool.failed_total), {{"tool", tool.name}, {"outcome", "failed"}});
  }
  families
      .counter("gateway.mcp.other.requests", "MCP requests that call no tool: discovery and lists.",
               number(mcp.other_requests_total))
      .counter("gateway.mcp.refused", "MCP requests that broke the protocol, or whose key lacks the scope.",
               number(mcp.refused_total))
      .amount("gateway.mcp.waiting.polls", "Calls of websocket_subscribe_to_channel that wait.",
              number(mcp.waiting_polls))
      .amount("gateway.mcp.logged.messages", "Messages kept for MCP clients to fetch.",
              number(mcp.logged_messages));
}

void append_engine(MetricFamilies& families, const EngineStats& engine) {
  families
      .gauge("gateway.engine.connected", "1 while the engine's server is connected.",
             engine.connected ? 1 : 0)
      .counter("gateway.engine.commands", "Commands sent to the engine's server.",
               number(engine.commands_total))
      .counter("gateway.engine.errors", "Error answers of the engine's server.", number(engine.errors_total))
      .counter("gateway.engine.losses", "Connections to the engine's server that were lost.",
               number(engine.losses_total))
      .amount("gateway.engine.pending", "Commands that the engine's server has not answered yet.",
              number(engine.pending))
      .amount("gateway.engine.partitions.away",
              "Partitions of the engine (servers, or parts of a cluster) that do not work now.",
              number(engine.away.size()));
}

void append_runs(MetricFamilies& families, const RunStats& runs) {
  families
      .amount("gateway.runs.open",
              "Open runs and plain streams that this instance holds, or follows for somebody.",
              number(runs.open))
      .amount("gateway.runs.kept", "Runs and plain streams that this instance holds, ended ones included.",
              number(runs.kept))
      .amount("gateway.runs.log_bytes", "Bytes of the logs of runs in this process.", number(runs.bytes))
      .amount("gateway.runs.readers", "Readers of runs: connections together, event streams, waiting calls.",
              number(runs.readers))
      .counter("gateway.runs.claims", "Runs that an agent has claimed.", number(runs.claims_total))
      .counter("gateway.runs.refusals", "Agents' calls on runs that were refused.",
               number(runs.refusals_total))
      .counter("gateway.runs.reloads", "Logs of runs that had to be read anew from the engine's server.",
               number(runs.reloads_total))
      .counter("gateway.runs.appended_bytes", "Bytes that agents have appended to runs.",
               number(runs.appended_bytes_total));
  families
      .family("gateway.runs.appends", MetricKind::counter, "Agents' appends to runs by what became of them.")
      .sample(number(runs.appends_total), {{"outcome", "appended"}})
      .sample(number(runs.duplicates_total), {{"outcome", "duplicate"}});
  families.family("gateway.runs.ended", MetricKind::counter, "Runs that this instance has ended, by status.");
  for (const RunStatus status :
       {RunStatus::completed, RunStatus::failed, RunStatus::cancelled, RunStatus::abandoned}) {
    families.sample(number(runs.ended_total[static_cast<size_t>(status)]), {{"status", to_string(status)}});
  }
}

void append_webhooks(MetricFamilies& families, const WebhookStats& webhooks) {
  families.amount("gateway.webhooks", "Webhooks that this instance serves.", number(webhooks.webhooks))
      .amount("gateway.webhooks.waiting", "Envelopes that wait for a webhook here, or are on their way.",
              number(webhooks.waiting))
      .amount("gateway.webhooks.in_flight", "Requests to webhooks that have no whole answer yet.",
              number(webhooks.in_flight))
      .amount("gateway.webhooks.circuits_open", "Webhooks whose circuit is open or half open here.",
              number(webhooks.circuits_open));
  families
      .family("gateway.webhooks.deliveries", MetricKind::counter,
              "Attempts to deliver to a webhook, and envelopes given up, by outcome.")
      .sample(number(webhooks.delivered_total), {{"outcome", "delivered"}})
      .sample(number(webhooks.failed_total), {{"outcome", "failed"}})
      .sample(number(webhooks.skipped_total), {{"outcome", "circuit_open"}})
      .sample(number(webhooks.given_up_total), {{"outcome", "given_up"}});
  families.histogram("gateway.webhooks.latency_ms",
                     "Milliseconds from a request to a webhook to the end of its answer.", webhooks.latency);
}

void append_consul(MetricFamilies& families, const consul::RegistrarStats& consul) {
  families
      .gauge("gateway.consul.registered", "1 while Consul says that it knows this instance.",
             consul.registered ? 1 : 0)
      .counter("gateway.consul.errors", "Requests to Consul that failed.", number(consul.errors_total));
}

void append_process(MetricFamilies& families, const ProcessStats& process) {
  families.counter("process.cpu_seconds", "User and system CPU time.", process.cpu_seconds)
      .amount("process.resident_memory_bytes", "Resident memory.", number(process.resident_bytes))
      .gauge("process.max_fds", "Descriptors the process may open.", number(process.descriptors_max));
}

void append_telemetry(MetricFamilies& families, const TelemetryStats& telemetry) {
  families
      .counter("gateway.telemetry.spans.exported", "Spans that the collector has taken.",
               number(telemetry.spans_exported))
      .family("gateway.telemetry.spans.dropped", MetricKind::counter, "Spans that were given up, by reason.")
      .sample(number(telemetry.spans_queue_full), {{"reason", "queue_full"}})
      .sample(number(telemetry.spans_export_failed), {{"reason", "export_failed"}})
      .amount("gateway.telemetry.queue.size", "Spans that wait to be exported.",
              number(telemetry.spans_queued))
      .family("gateway.telemetry.metric.exports", MetricKind::counter,
              "Exports of all metrics to the collector, by result.")
      .sample(number(telemetry.metric_exports), {{"result", "exported"}})
      .sample(number(telemetry.metric_exports_failed), {{"result", "failed"}});
}

void append_log(MetricFamilies& families, const log::Stats& log) {
  families.family("gateway.log.lines.dropped", MetricKind::counter, "Log lines not written, by reason.")
      .sample(number(log.lines_dropped), {{"reason", "buffer_full"}})
      .sample(number(log.lines_left_out), {{"reason", "event_limit"}});
}

MetricsWriter::Type type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter: return MetricsWriter::Type::counter;
    case MetricKind::histogram: return MetricsWriter::Type::histogram;
    case MetricKind::amount:
    case MetricKind::gauge: break;
  }
  return MetricsWriter::Type::gauge;
}

}  // namespace

std::vector<MetricFamily> metric_families(const MetricsSnapshot& snapshot) {
  MetricFamilies families;
  append_clients(families, snapshot.gateway.shards);
  TlsStats tls = snapshot.gateway.shards.tls;
  tls.add(snapshot.http.tls);
  append_tls(families, tls);
  families.histogram("websocket.message.latency_ms",
                     "Milliseconds from a client's message to the engine's answer.",
                     snapshot.gateway.message_latency);
  append_routing(families, snapshot.gateway);
  append_channels(families, snapshot.channels);
  append_service(families, snapshot);
  append_mcp(families, snapshot.mcp);
  append_engine(families, snapshot.engine);
  append_runs(families, snapshot.runs);
  append_webhooks(families, snapshot.webhooks);
  append_consul(families, snapshot.consul);
  append_telemetry(families, snapshot.telemetry);
  append_log(families, snapshot.log);
  append_process(families, snapshot.process);
  return families.take();
}

std::string metrics_text(const std::vector<MetricFamily>& families) {
  std::string out;
  MetricsWriter writer(out);
  for (const MetricFamily& family : families) {
    const std::string name = prometheus_name(family);
    writer.family(name, type_of(family.kind), family.help);
    for (const MetricSample& sample : family.samples) writer.sample(sample.value, sample.labels);
    if (family.kind == MetricKind::histogram) append_histogram(writer, family.histogram);
  }
  return out;
}

}  // namespace gw
