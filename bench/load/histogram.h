// Latencies in nanoseconds, kept in log-linear buckets: 64 for each power of two, so a quantile is
// within 1.6 % of the truth and a sample costs an increment.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace gw::bench {

class Histogram {
 public:
  void add(int64_t ns) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(ns, 0));
    ++buckets_[index_of(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  uint64_t count() const { return count_; }

  // Microseconds; `q` in [0, 1]. Zero when there are no samples.
  double quantile_us(double q) const {
    if (count_ == 0) return 0;
    const auto rank = static_cast<uint64_t>(q * static_cast<double>(count_ - 1));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank) return static_cast<double>(std::min(upper_bound_of(i), max_)) / 1000.0;
    }
    return static_cast<double>(max_) / 1000.0;
  }

 private:
  static constexpr unsigned kSubBits = 6;

  static size_t index_of(uint64_t value) {
    if (value < (1U << kSubBits)) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
    return (static_cast<size_t>(shift + 1) << kSubBits) + ((value >> shift) & ((1U << kSubBits) - 1));
  }

  static uint64_t upper_bound_of(size_t index) {
    if (index < (1U << kSubBits)) return index;
    const auto shift = (index >> kSubBits) - 1;
    const uint64_t base = (1U << kSubBits) + (index & ((1U << kSubBits) - 1));
    return ((base + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - kSubBits + 1) << kSubBits> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace gw::bench
