// Where traces begin and how they go on; nothing here runs for a connection that has none.
#include "gateway/shard.h"
#include "protocol/codes.h"
#include "protocol/traceparent.h"

namespace gw {
namespace {

std::optional<protocol::TraceContext> own_context(const Connection& connection) {
  return connection.trace ? std::optional(connection.trace->span.context) : std::nullopt;
}

}  // namespace

std::optional<protocol::TraceContext> Shard::kept_context(const Connection& connection) {
  return connection.trace && connection.trace->span.kept() ? own_context(connection) : std::nullopt;
}

void Shard::begin_connection_trace(Connection& connection, std::string traceparent) {
  connection.trace = std::make_unique<ConnectionTrace>();
  connection.trace->traceparent = std::move(traceparent);
  if (!options_.tracing.enabled) return;
  std::optional<protocol::TraceContext> parent;
  if (options_.tracing.propagate) parent = protocol::parse_traceparent(connection.trace->traceparent);
  connection.trace->span = begin_span(options_.tracing, parent, now_, unix_nanoseconds());
}

OpenSpan Shard::begin_message_trace(const Connection& connection, std::string_view traceparent) const {
  std::optional<protocol::TraceContext> parent;
  if (options_.tracing.propagate) parent = protocol::parse_traceparent(traceparent);
  if (!parent) parent = own_context(connection);
  return begin_span(options_.tracing, parent, steady_now(), unix_nanoseconds());
}

// What the agent is told when nothing is traced here: the message's own trace context, else the handshake's,
// else a trace of its own that nobody samples.
std::string Shard::passed_traceparent(const Connection& connection, std::string_view of_message) {
  if (!of_message.empty()) return std::string(of_message);
  if (connection.trace && !connection.trace->traceparent.empty()) return connection.trace->traceparent;
  std::string made;
  protocol::append_traceparent(made, protocol::new_trace(false));
  return made;
}

std::string Shard::trace_message(const Connection& connection, const route::ToAgents& to,
                                 std::string_view text, to_control::Message& message) {
  const OpenSpan open = begin_message_trace(connection, to.traceparent);
  if (open.kept()) {
    message.span =
        std::make_shared<MessageSpan>(MessageSpan{open, connection.id, text.size(), message.message_id});
  }
  if (!options_.tracing.propagate) return passed_traceparent(connection, to.traceparent);
  std::string traceparent;
  protocol::append_traceparent(traceparent, open.context);
  return traceparent;
}

void Shard::trace_rejected(const Connection& connection, const route::Reject& to, std::string_view text) {
  const OpenSpan open = begin_message_trace(connection, {});
  if (!open.kept()) return;
  const MessageSpan span{open, connection.id, text.size(), {}};
  const MessageEnd end{{}, "rejected", protocol::to_string(to.code)};
  tell_control(to_control::SpanEnded{message_span(span, connection.session.get(), end, steady_now())});
}

void Shard::end_connection_trace(Connection& connection, uint16_t code) {
  if (!connection.trace || !connection.trace->span.kept()) return;
  tell_control(to_control::SpanEnded{
      connection_span(*connection.trace, connection.id, connection.session.get(), code, now_)});
}

}  // namespace gw
