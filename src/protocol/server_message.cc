#include "protocol/server_message.h"

#include "json/json.h"

namespace gw::protocol {
namespace {

// Acks are written for every message a client wants acknowledged, so these go without the Writer: constant
// text, then what varies.
void append_timestamp(std::string& out, WallTime now) {
  out.append(R"(,"timestamp":")");
  append_iso8601(out, now);
  out.append(R"("})");
}

void append_subscription(std::string& out, std::string_view type, std::string_view channel, WallTime now) {
  out.append(R"({"type":")").append(type).append(R"(","channel":)");
  json::append_quoted(out, channel);
  out.append(R"(,"status":"ok")");
  append_timestamp(out, now);
}

void append_about(std::string& out, const AboutRun& run) {
  if (!run.run_id.empty()) {
    out.append(R"(,"run_id":)");
    json::append_quoted(out, run.run_id);
  }
  if (!run.thread_id.empty()) {
    out.append(R"(,"thread_id":)");
    json::append_quoted(out, run.thread_id);
  }
  if (!run.attached) out.append(R"(,"attached":false)");
}

void begin_system(std::string& out, std::string_view event, std::string_view message) {
  out.append(R"({"type":"system","event":)");
  json::append_quoted(out, event);
  out.append(R"(,"message":)");
  json::append_quoted(out, message);
}

}  // namespace

void append_welcome(std::string& out, const Welcome& welcome, WallTime now) {
  begin_system(out, "welcome", "Connected to WebSocket Gateway. Ready to receive messages.");
  out.append(R"(,"connection_id":)");
  json::append_quoted(out, welcome.connection_id);
  out.append(R"(,"instance_id":)");
  json::append_quoted(out, welcome.instance_id);
  out.append(R"(,"heartbeat_interval":)").append(std::to_string(welcome.heartbeat_interval));
  if (!welcome.send_token.empty()) {
    out.append(R"(,"send_token":)");
    json::append_quoted(out, welcome.send_token);
  }
  append_timestamp(out, now);
}

void append_draining(std::string& out, const Draining& draining, WallTime now) {
  begin_system(out, "draining", "This instance is going away. Please reconnect.");
  out.append(R"(,"leave_in_ms":)").append(std::to_string(draining.leave_in.count()));
  out.append(R"(,"retry_after_ms":)").append(std::to_string(draining.retry_after.count()));
  if (!draining.ticket.empty()) {
    out.append(R"(,"ticket":)");
    json::append_quoted(out, draining.ticket);
  }
  append_timestamp(out, now);
}

void append_gap(std::string& out, std::string_view channel, WallTime now) {
  begin_system(out, "gap", "Messages on this channel may have been missed.");
  out.append(R"(,"channel":)");
  json::append_quoted(out, channel);
  append_timestamp(out, now);
}

void append_ack(std::string& out, std::string_view id, AckStatus status, WallTime now, const AboutRun& run) {
  out.append(R"({"type":"ack","id":)").append(id);
  out.append(R"(,"status":")").append(to_string(status)).append("\"");
  append_about(out, run);
  append_timestamp(out, now);
}

void append_error(std::string& out, ErrorCode code, std::string_view message, std::string_view id,
                  WallTime now, const AboutRun& run) {
  out.append(R"({"type":"error","code":")").append(to_string(code)).append(R"(","message":)");
  json::append_quoted(out, message);
  if (!id.empty()) out.append(R"(,"id":)").append(id);
  append_about(out, run);
  append_timestamp(out, now);
}

void append_detached(std::string& out, std::string_view run_id, std::string_view reason, std::string_view id,
                     WallTime now) {
  out.append(R"({"type":"detach","run_id":)");
  json::append_quoted(out, run_id);
  if (!reason.empty()) out.append(R"(,"reason":")").append(reason).append("\"");
  if (!id.empty()) out.append(R"(,"id":)").append(id);
  append_timestamp(out, now);
}

void append_presence(std::string& out, const PresenceShown& shown, std::string_view id, WallTime now) {
  out.append(R"({"type":"presence","channel":)");
  json::append_quoted(out, shown.channel);
  if (!id.empty()) out.append(R"(,"id":)").append(id);
  out.append(R"(,"users":[)");
  for (size_t i = 0; i < shown.users.size(); ++i) {
    if (i > 0) out.push_back(',');
    json::append_quoted(out, shown.users[i]);
  }
  out.append(R"(],"whole":)").append(shown.is_whole ? "true" : "false");
  out.append(R"(,"watch":)").append(shown.is_watched ? "true" : "false");
  out.append(R"(,"revision":)").append(std::to_string(shown.revision));
  append_timestamp(out, now);
}

void append_presence_event(std::string& out, std::string_view channel, std::string_view event,
                           std::string_view user_id, uint64_t revision, WallTime now) {
  out.append(R"({"type":"presence","channel":)");
  json::append_quoted(out, channel);
  out.append(R"(,"event":")").append(event).append("\"");
  if (!user_id.empty()) {
    out.append(R"(,"user_id":)");
    json::append_quoted(out, user_id);
    out.append(R"(,"revision":)").append(std::to_string(revision));
  }
  append_timestamp(out, now);
}

void append_ping(std::string& out, WallTime now) {
  out.append(R"({"type":"ping")");
  append_timestamp(out, now);
}

void append_pong(std::string& out, WallTime now) {
  out.append(R"({"type":"pong")");
  append_timestamp(out, now);
}

void append_heartbeat_pong(std::string& out, WallTime now) {
  out.append(R"({"type":"heartbeat","action":"pong")");
  append_timestamp(out, now);
}

void append_subscribed(std::string& out, std::string_view channel, WallTime now) {
  append_subscription(out, "subscribe", channel, now);
}

void append_unsubscribed(std::string& out, std::string_view channel, WallTime now) {
  append_subscription(out, "unsubscribe", channel, now);
}

void append_authenticated(std::string& out, WallTime expires_at, WallTime now) {
  out.append(R"({"type":"authenticated","expires_at":")");
  append_iso8601(out, expires_at);
  out.append("\"");
  append_timestamp(out, now);
}

}  // namespace gw::protocol
