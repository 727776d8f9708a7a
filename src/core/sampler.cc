#include "core/sampler.h"

#include <cmath>

namespace gw {
namespace {

constexpr uint64_t kIdMax = uint64_t{1} << 63;

// From the last eight bytes, which W3C level 2 says are random, as other languages' SDKs do: so that services
// with the same ratio keep the same traces.
uint64_t number_of(const protocol::TraceId& id) {
  uint64_t number = 0;
  for (size_t i = 8; i < id.size(); ++i) number = number << 8 | id[i];
  return number >> 1;
}

}  // namespace

Sampler::Sampler(double ratio, bool parent_based)
    : bound_(ratio >= 1   ? kIdMax
             : ratio <= 0 ? 0
                          : static_cast<uint64_t>(std::ldexp(ratio, 63))),
      parent_based_(parent_based) {}

bool Sampler::keeps(const protocol::TraceId& trace_id,
                    const std::optional<protocol::TraceContext>& parent) const {
  if (parent_based_ && parent) return parent->sampled;
  return number_of(trace_id) < bound_;
}

}  // namespace gw
