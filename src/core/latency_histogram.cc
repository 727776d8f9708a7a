#include "core/latency_histogram.h"

#include <algorithm>

namespace gw {

void LatencyHistogram::record(Duration latency) {
  const double ms = std::chrono::duration<double, std::milli>(latency).count();
  const auto bucket = std::lower_bound(kBoundsMs.begin(), kBoundsMs.end(), ms) - kBoundsMs.begin();
  ++buckets_[static_cast<size_t>(bucket)];
  ++count_;
  sum_ms_ += ms;
}

uint64_t LatencyHistogram::cumulative(size_t i) const {
  uint64_t total = 0;
  for (size_t b = 0; b <= i; ++b) total += buckets_[b];
  return total;
}

}  // namespace gw
