// W3C Trace Context: the `traceparent` value, version-traceid-parentid-flags (www.w3.org/TR/trace-context,
// section 3.2). One that is not valid is treated as absent, and a new trace begins. What goes on is always
// written anew from what was read: never the text that came.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace gw::protocol {

using TraceId = std::array<unsigned char, 16>;
using SpanId = std::array<unsigned char, 8>;

struct TraceContext {
  TraceId trace_id{};  // never all zero
  SpanId parent_id{};  // the span that caused this; never all zero
  bool sampled = false;

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// Of a later version only what version 00 defines is read.
std::optional<TraceContext> parse_traceparent(std::string_view text);
// Always version 00: 55 characters.
void append_traceparent(std::string& out, const TraceContext& context);

SpanId new_span_id();
// A trace of its own.
TraceContext new_trace(bool sampled);

}  // namespace gw::protocol
