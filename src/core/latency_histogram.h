// Latencies in cumulative buckets, as Prometheus has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace gw {

class LatencyHistogram {
 public:
  static constexpr std::array<double, 13> kBoundsMs{0.1, 0.25, 0.5, 1,   2.5,  5,   10,
                                                    25,  50,   100, 250, 1000, 5000};

  void record(Duration latency);
  // Of the bucket up to kBoundsMs[i], smaller ones included.
  uint64_t cumulative(size_t i) const;
  uint64_t count() const { return count_; }
  double sum_ms() const { return sum_ms_; }

 private:
  std::array<uint64_t, kBoundsMs.size() + 1> buckets_{};
  uint64_t count_ = 0;
  double sum_ms_ = 0;
};

}  // namespace gw
