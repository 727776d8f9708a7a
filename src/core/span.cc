#include "core/span.h"

namespace gw {

OpenSpan begin_span(const TraceOptions& options, const std::optional<protocol::TraceContext>& parent,
                    TimePoint now, int64_t unix_nanoseconds) {
  OpenSpan span;
  span.context = parent ? *parent : protocol::new_trace(false);
  span.context.sampled = options.sampler.keeps(span.context.trace_id, parent);
  // Whoever comes after one that is not kept joins the parent: that span exists, this one does not.
  if (!span.kept()) return span;
  if (parent) {
    span.parent = parent->parent_id;
    span.context.parent_id = protocol::new_span_id();
  }
  span.started_at = unix_nanoseconds;
  span.began = now;
  return span;
}

}  // namespace gw
