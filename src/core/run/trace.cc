#include "core/run/trace.h"

#include <charconv>

#include "base/hex.h"

namespace gw {
namespace {

constexpr size_t kTraceparentSize = 55;
constexpr size_t kParentSize = 16;
constexpr size_t kStartedAt = kTraceparentSize + 1 + kParentSize + 1;

}  // namespace

std::string text_of(const OpenSpan& span) {
  std::string text;
  protocol::append_traceparent(text, span.context);
  text.push_back(' ');
  append_hex(text, span.parent);
  return text.append(" ").append(std::to_string(span.started_at));
}

std::optional<OpenSpan> parse_open_span(std::string_view text) {
  if (text.size() <= kStartedAt || text[kTraceparentSize] != ' ' || text[kStartedAt - 1] != ' ') return {};
  const auto context = protocol::parse_traceparent(text.substr(0, kTraceparentSize));
  OpenSpan span;
  if (!context || !context->sampled) return {};
  span.context = *context;
  if (!from_hex(text.substr(kTraceparentSize + 1, kParentSize), span.parent)) return {};
  const char* const end = text.data() + text.size();
  const auto [last, problem] = std::from_chars(text.data() + kStartedAt, end, span.started_at);
  if (problem != std::errc() || last != end) return {};
  return span;
}

}  // namespace gw
