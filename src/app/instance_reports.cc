#include "app/instance_reports.h"

#include <algorithm>

#include "json/json.h"

namespace gw {
namespace {

constexpr Duration kTellEvery = 2s;

std::string_view name_of(Gateway::State state) {
  switch (state) {
    case Gateway::State::ready: return "ready";
    case Gateway::State::not_ready: return "not_ready";
    case Gateway::State::draining: break;
  }
  return "draining";
}

std::string text_of(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value ? json::as_string(*value).value_or("") : std::string();
}

void append_channels(json::Writer& body, const std::vector<ChannelMetrics>& channels) {
  body.key("channels").begin_object();
  for (const ChannelMetrics& channel : channels) {
    body.key(channel.channel)
        .begin_object()
        .member("agents", channel.stats.agents)
        .member("waiting", channel.stats.queue_size)
        .member("waiting_max", channel.stats.queue_max)
        .member("unacknowledged", channel.stats.unacknowledged)
        .member("dead_letters_total", channel.stats.dead_letters_total)
        .member("circuit_state", channel.stats.circuit_state)
        .end_object();
  }
  body.end_object();
}

}  // namespace

InstanceReports::InstanceReports(EventLoop& loop, const Gateway& gateway, Engine& engine, OpsApi& ops,
                                 About about)
    : loop_(loop),
      gateway_(gateway),
      engine_(engine),
      ops_(ops),
      about_(std::move(about)),
      told_at_(loop.now()),
      timer_(loop.every(kTellEvery, [this] { tell(); })) {}

void InstanceReports::tell() { engine_.report(text()); }

std::string InstanceReports::text() {
  const MetricsSnapshot now = ops_.snapshot();
  const auto seconds = std::chrono::duration<double>(loop_.now() - told_at_).count();
  const double cpu = seconds > 0 ? (now.process.cpu_seconds - cpu_seconds_) / seconds : 0;
  const ShardStats& shards = now.gateway.shards;
  told_at_ = loop_.now();
  cpu_seconds_ = now.process.cpu_seconds;
  std::string out;
  json::Writer body(out);
  body.begin_object()
      .member("instance_id", about_.instance_id)
      .member("version", about_.version)
      .member("status", name_of(gateway_.state()))
      .member("uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(now.uptime).count())
      .member("reported_at", iso8601(loop_.wall_now()))
      .member("cpu_percent", static_cast<int64_t>(cpu * 100 + 0.5))
      .member("memory_bytes", now.process.resident_bytes)
      .member("connections", shards.connections_active)
      .member("messages_received_total", shards.messages_received_total)
      .member("messages_sent_total", shards.messages_sent_total)
      .key("closes_total")
      .begin_object();
  for (const auto& [code, count] : shards.closes_by_code) body.member(std::to_string(code), count);
  body.end_object();
  append_channels(body, now.channels);
  body.end_object();
  return out;
}

void InstanceReports::look(Done<Others> done) {
  engine_.reports(
      [own = about_.instance_id, done = std::move(done)](const Result<std::vector<std::string>>& reports) {
        if (!reports) return done(reports.error());
        Others others;
        for (const std::string& report : *reports) {
          const auto body = json::parse_object(report);
          if (!body || text_of(*body, "instance_id") == own) continue;
          if (text_of(*body, "status") == name_of(Gateway::State::ready)) ++others.ready;
          const json::Value* const connections = body->find("connections");
          const auto count = connections ? json::as_int64(*connections) : std::nullopt;
          others.connections += static_cast<size_t>(std::max<int64_t>(count.value_or(0), 0));
        }
        done(others);
      });
}

void InstanceReports::show(http_api::ApiRequest call) {
  tell();  // of this instance as it is now
  engine_.reports([responder = call.responder](const Result<std::vector<std::string>>& reports) mutable {
    if (!reports) return http_api::refuse(responder, reports.error());
    http_api::succeed(responder, [&](json::Writer& body) {
      body.key("instances").begin_array();
      for (const std::string& report : *reports) body.raw(report);
      body.end_array();
    });
  });
}

}  // namespace gw
