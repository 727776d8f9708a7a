#include "gateway/spans.h"

#include <algorithm>

#include "core/disconnect.h"

namespace gw {
namespace {

// Names of the semantic conventions where they have one.
constexpr std::string_view kConnectionId = "websocket.connection.id";
constexpr std::string_view kSessionRef = "websocket.session.ref";
constexpr std::string_view kDestination = "messaging.destination.name";
constexpr std::string_view kErrorType = "error.type";

Span finished(std::string_view name, Span::Kind kind, const OpenSpan& open, TimePoint now) {
  Span span;
  span.name = name;
  span.kind = kind;
  span.open = open;
  span.duration = now - open.began;
  return span;
}

void add(Span& span, std::string_view key, std::string_view value) {
  span.attributes.push_back({key, std::string(value)});
}

void add(Span& span, std::string_view key, int64_t value) { span.attributes.push_back({key, value}); }

// Seconds, once it has come to that.
void add_wait(Span& span, std::string_view key, const std::optional<WallTime>& until, WallTime from) {
  // The engine's clock may have gone back.
  if (until)
    span.attributes.push_back({key, std::max(std::chrono::duration<double>(*until - from).count(), 0.0)});
}

// What is wrong with a run that ended like this; empty: nothing.
std::string error_of(const RunEnded& ended) {
  const RunStatus status = ended.top.status;
  if (status != RunStatus::failed && status != RunStatus::abandoned) return {};
  return ended.error.empty() ? std::string(to_string(status)) : ended.error;
}

}  // namespace

Span connection_span(const ConnectionTrace& trace, const ConnectionId& id, const Session* session,
                     uint16_t close_code, TimePoint now) {
  Span span = finished("websocket.connection", Span::Kind::server, trace.span, now);
  add(span, "network.protocol.name", "websocket");
  add(span, kConnectionId, id.text());
  if (session) add(span, kSessionRef, session->ref);
  add(span, "websocket.close.code", int64_t{close_code});
  // The one end that is our own fault; all others are somebody's decision.
  if (close_code == disconnect::internal.code) span.error = "internal";
  return span;
}

Span message_span(const MessageSpan& message, const Session* session, const MessageEnd& end, TimePoint now) {
  Span span = finished("websocket.message", Span::Kind::producer, message.open, now);
  add(span, "messaging.system", "websocket_gateway");
  add(span, "messaging.operation.name", "send");
  add(span, "messaging.operation.type", "send");
  if (!end.channel.empty()) add(span, kDestination, end.channel);
  if (!message.message_id.empty()) add(span, "messaging.message.id", message.message_id);
  add(span, "messaging.message.body.size", static_cast<int64_t>(message.body_bytes));
  add(span, kConnectionId, message.connection_id.text());
  if (session) add(span, kSessionRef, session->ref);
  add(span, "websocket.message.outcome", end.outcome);
  span.error = end.error;
  if (!end.error.empty()) add(span, kErrorType, end.error);
  return span;
}

Span run_span(const std::string& run_id, const RunEnded& ended) {
  Span span;
  span.name = "websocket.run";
  span.kind = Span::Kind::internal;
  span.open = ended.trace.span;
  span.duration = std::max<Duration>(ended.ended_at - ended.created_at, Duration());
  add(span, kDestination, ended.channel);
  add(span, "websocket.run.id", run_id);
  add(span, "websocket.run.status", to_string(ended.top.status));
  add(span, "websocket.run.epoch", int64_t{ended.top.epoch});
  add(span, "websocket.run.size", static_cast<int64_t>(ended.top.pos));
  add_wait(span, "websocket.run.time_to_first_claim", ended.trace.first_claim_at, ended.created_at);
  add_wait(span, "websocket.run.time_to_first_byte", ended.trace.first_byte_at, ended.created_at);
  span.error = error_of(ended);
  if (!span.error.empty()) add(span, kErrorType, span.error);
  return span;
}

std::optional<log::TraceScope> log_scope(const std::optional<protocol::TraceContext>& context) {
  if (!context) return std::nullopt;
  return std::optional<log::TraceScope>(std::in_place, context->trace_id, context->parent_id);
}

}  // namespace gw
