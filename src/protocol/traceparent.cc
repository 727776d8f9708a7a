#include "protocol/traceparent.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/hex.h"
#include "base/random.h"

namespace gw::protocol {
namespace {

// "00-" trace-id 32 "-" parent-id 16 "-" flags 2
constexpr size_t kSize = 55;
constexpr unsigned char kSampledFlag = 0x01;

template <class Id>
bool is_zero(const Id& id) {
  return std::all_of(id.begin(), id.end(), [](unsigned char byte) { return byte == 0; });
}

// from_hex takes either case; here only lower case counts (section 3.2.2.3).
bool from_lower_hex(std::string_view text, std::span<unsigned char> out) {
  const bool lower_case = std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  return lower_case && from_hex(text, out);
}

template <size_t N>
std::array<unsigned char, N> random_id() {
  static_assert(N % sizeof(uint64_t) == 0);
  std::array<unsigned char, N> id;
  do {
    for (size_t i = 0; i < N; i += sizeof(uint64_t)) {
      const uint64_t word = fast_random();
      std::memcpy(id.data() + i, &word, sizeof(word));
    }
  } while (is_zero(id));
  return id;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  std::array<unsigned char, 1> version{};
  std::array<unsigned char, 1> flags{};
  TraceContext context;
  if (!from_lower_hex(text.substr(0, 2), version) || !from_lower_hex(text.substr(3, 32), context.trace_id) ||
      !from_lower_hex(text.substr(36, 16), context.parent_id) || !from_lower_hex(text.substr(53, 2), flags)) {
    return std::nullopt;
  }
  // Later versions may append, after another dash; ff is forbidden (section 3.2.2.1).
  if (version[0] == 0xff || is_zero(context.trace_id) || is_zero(context.parent_id)) return std::nullopt;
  if (text.size() > kSize && (version[0] == 0 || text[kSize] != '-')) return std::nullopt;
  context.sampled = (flags[0] & kSampledFlag) != 0;
  return context;
}

void append_traceparent(std::string& out, const TraceContext& context) {
  out.append("00-");
  append_hex(out, context.trace_id);
  out.push_back('-');
  append_hex(out, context.parent_id);
  out.append(context.sampled ? "-01" : "-00");
}

SpanId new_span_id() { return random_id<8>(); }

TraceContext new_trace(bool sampled) { return {random_id<16>(), random_id<8>(), sampled}; }

}  // namespace gw::protocol
