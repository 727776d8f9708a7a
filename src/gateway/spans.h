// The three spans of a gateway (docs/operations/opentelemetry.md): what is remembered while they are
// open, and what they are in the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/log.h"
#include "core/run_store.h"
#include "core/session.h"
#include "core/span.h"

namespace gw {

// Of a message in a trace that is kept.
struct MessageSpan {
  OpenSpan open;
  ConnectionId connection_id;
  size_t body_bytes = 0;
  std::string message_id;  // empty: refused before it had one
};

// The end of a connection, whether it was ever let in or not.
Span connection_span(const ConnectionTrace& trace, const ConnectionId& id, const Session* session,
                     uint16_t close_code, TimePoint now);

// What became of a message.
struct MessageEnd {
  std::string_view channel;  // empty: refused before it had one
  std::string_view outcome;  // static storage, as error is
  std::string_view error;    // empty: none
};
Span message_span(const MessageSpan& span, const Session* session, const MessageEnd& end, TimePoint now);

// The end of a run, from when it was made. How long it took is by the engine's clock: begin and end may have
// been seen on two machines.
Span run_span(const std::string& run_id, const RunEnded& ended);

// Log lines name the trace while it lives; nothing happens without one.
std::optional<log::TraceScope> log_scope(const std::optional<protocol::TraceContext>& context);

}  // namespace gw
