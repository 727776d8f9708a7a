#include "post_office/http_api/run_spans.h"

namespace gw::http_api {

std::optional<OpenSpan> RunSpans::begin(const http::Request& request) const {
  if (!options_.enabled) return std::nullopt;
  std::optional<protocol::TraceContext> parent;
  if (const auto traceparent = request.field("traceparent"); traceparent && options_.propagate)
    parent = protocol::parse_traceparent(trim_blanks(*traceparent));
  const std::chrono::nanoseconds since_1970 = now_().time_since_epoch();
  const OpenSpan span = begin_span(options_, parent, {}, since_1970.count());
  return span.kept() ? std::optional(span) : std::nullopt;
}

}  // namespace gw::http_api
