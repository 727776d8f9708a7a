// Where traces begin and how they go on; nothing here runs for a connection that has none.
#include "gateway/shard.h"
#include "protocol/codes.h"

namespace gw {
namespace {

std::optional<protocol::TraceContext> own_context(const Connection& connection) {
  return connection.trace ? std::optional(connection.trace->span.context) : std::nullopt;
}

}  // namespace

std::optional<protocol::TraceContext> Shard::kept_context(const Connection& connection) {
  return connection.trace && connection.trace->span.kept() ? own_context(connection) : std::nullopt;
}

void Shard::begin_connection_trace(Connection& connection,
                                   const std::optional<protocol::TraceContext>& from_handshake) {
  connection.trace = std::make_unique<ConnectionTrace>();
  connection.trace->from_handshake = from_handshake;
  if (!options_.tracing.enabled) return;
  std::optional<protocol::TraceContext> parent;
  if (options_.tracing.propagate) parent = from_handshake;
  connection.trace->span = begin_span(options_.tracing, parent, now_, unix_nanoseconds());
}

OpenSpan Shard::begin_message_trace(const Connection& connection,
                                    const std::optional<protocol::TraceContext>& of_message) const {
  std::optional<protocol::TraceContext> parent;
  if (options_.tracing.propagate) parent = of_message;
  if (!parent) parent = own_context(connection);
  return begin_span(options_.tracing, parent, steady_now(), unix_nanoseconds());
}

// What the agent is told when nothing is traced here: the message's own trace context, else the handshake's,
// else a trace of its own that nobody samples.
protocol::TraceContext Shard::passed_trace(const Connection& connection,
                                           const std::optional<protocol::TraceContext>& of_message) {
  if (of_message) return *of_message;
  if (connection.trace && connection.trace->from_handshake) return *connection.trace->from_handshake;
  return protocol::new_trace(false);
}

protocol::TraceContext Shard::trace_message(const Connection& connection, const route::ToAgents& to,
                                            std::string_view text, event::Message& message) {
  const OpenSpan open = begin_message_trace(connection, to.trace);
  if (open.kept()) {
    message.span =
        std::make_shared<MessageSpan>(MessageSpan{open, connection.id, text.size(), message.message_id});
  }
  if (!options_.tracing.propagate) return passed_trace(connection, to.trace);
  return open.context;
}

void Shard::trace_rejected(const Connection& connection, const route::Reject& to, std::string_view text) {
  const OpenSpan open = begin_message_trace(connection, {});
  if (!open.kept()) return;
  const MessageSpan span{open, connection.id, text.size(), {}};
  const MessageEnd end{{}, "rejected", protocol::to_string(to.code)};
  send_to_control(event::SpanEnded{message_span(span, connection.session.get(), end, steady_now())});
}

void Shard::end_connection_trace(Connection& connection, uint16_t code) {
  if (!connection.trace || !connection.trace->span.kept()) return;
  send_to_control(event::SpanEnded{
      connection_span(*connection.trace, connection.id, connection.session.get(), code, now_)});
}

}  // namespace gw
