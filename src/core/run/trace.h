// What a run has in its record because its trace is kept: the span that ends when the run does, on whichever
// instance that is seen. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "core/span.h"

namespace gw {

struct RunTrace {
  OpenSpan span;  // without `began`: another process may end it
  // By the engine's clock, as a run's other times are.
  std::optional<WallTime> first_claim_at = {};
  std::optional<WallTime> first_byte_at = {};
};

// A span on its way to the process that ends it: its traceparent, its parent, when it began. At most 92
// characters.
std::string text_of(const OpenSpan& span);
// Empty unless it is such a text of a span that is kept.
std::optional<OpenSpan> parse_open_span(std::string_view text);

}  // namespace gw
