#include "gateway/tracer.h"

namespace gw {
namespace {

std::optional<protocol::TraceContext> own_context(const Connection& connection) {
  return connection.trace ? std::optional(connection.trace->span.context) : std::nullopt;
}

// What the agent is told when nothing is traced here: the message's own trace context, else the handshake's,
// else a trace of its own that nobody samples.
protocol::TraceContext passed_on(const Connection& connection,
                                 const std::optional<protocol::TraceContext>& of_message) {
  if (of_message) return *of_message;
  if (connection.trace && connection.trace->from_handshake) return *connection.trace->from_handshake;
  return protocol::new_trace(false);
}

}  // namespace

void Tracer::begin_connection(Connection& connection,
                              const std::optional<protocol::TraceContext>& from_handshake) const {
  if (!options_.enabled && !from_handshake) return;
  connection.trace = std::make_unique<ConnectionTrace>();
  connection.trace->from_handshake = from_handshake;
  if (!options_.enabled) return;
  std::optional<protocol::TraceContext> parent;
  if (options_.propagate) parent = from_handshake;
  connection.trace->span = begin_span(options_, parent, now_, unix_nanoseconds_);
}

std::optional<Span> Tracer::end_connection(const Connection& connection, uint16_t close_code) const {
  if (!connection.trace || !connection.trace->span.kept()) return std::nullopt;
  return connection_span(*connection.trace, connection.id, connection.session.get(), close_code, now_);
}

std::optional<protocol::TraceContext> Tracer::kept_context(const Connection& connection) {
  return connection.trace && connection.trace->span.kept() ? own_context(connection) : std::nullopt;
}

OpenSpan Tracer::begin_span_of_message(const Connection& connection,
                                       const std::optional<protocol::TraceContext>& of_message) const {
  std::optional<protocol::TraceContext> parent;
  if (options_.propagate) parent = of_message;
  if (!parent) parent = own_context(connection);
  return begin_span(options_, parent, now_, unix_nanoseconds_);
}

Tracer::Message Tracer::begin_message(const Connection& connection,
                                      const std::optional<protocol::TraceContext>& of_message, size_t bytes,
                                      std::string_view message_id) const {
  if (!options_.enabled) return {passed_on(connection, of_message), nullptr};
  const OpenSpan open = begin_span_of_message(connection, of_message);
  Message message{options_.propagate ? open.context : passed_on(connection, of_message), nullptr};
  if (open.kept()) {
    message.span =
        std::make_shared<MessageSpan>(MessageSpan{open, connection.id, bytes, std::string(message_id)});
  }
  return message;
}

std::optional<Span> Tracer::reject_message(const Connection& connection, size_t bytes,
                                           protocol::ErrorCode why) const {
  if (!options_.enabled) return std::nullopt;
  const OpenSpan open = begin_span_of_message(connection, {});
  if (!open.kept()) return std::nullopt;
  const MessageSpan span{open, connection.id, bytes, {}};
  return message_span(span, connection.session.get(), {{}, "rejected", protocol::to_string(why)}, now_);
}

}  // namespace gw
