// A piece of a trace, as values: begun on a shard, ended on the control loop, then handed to ops.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "core/sampler.h"
#include "protocol/traceparent.h"

namespace gw {

// Begun and not ended. When it is not kept, `context` is what others are told, and the rest is empty.
struct OpenSpan {
  protocol::TraceContext context;  // parent_id: the span's own id, since it is the parent of what follows
  protocol::SpanId parent{};       // all zero: the trace begins here
  int64_t started_at = 0;          // unix, nanoseconds
  TimePoint began;

  bool kept() const { return context.sampled; }
};

// Of a connection with a trace: with tracing off, one whose handshake had a traceparent.
struct ConnectionTrace {
  std::optional<protocol::TraceContext> from_handshake;
  OpenSpan span;
};

struct SpanAttribute {
  std::string_view key;                              // static storage
  std::variant<std::string, int64_t, double> value;  // a double: seconds
};

// Ended. Nothing in it is a secret, or names a user.
struct Span {
  enum class Kind : uint8_t { server, producer, internal };

  std::string_view name;  // static storage
  Kind kind = Kind::server;
  OpenSpan open;
  Duration duration{};
  std::vector<SpanAttribute> attributes;
  std::string error;  // what went wrong, in a word; empty: nothing
};

using SpanSink = std::function<void(Span&&)>;

// A child of `parent`, or the first of a trace.
OpenSpan begin_span(const TraceOptions& options, const std::optional<protocol::TraceContext>& parent,
                    TimePoint now, int64_t unix_nanoseconds);

}  // namespace gw
