// Monotonic nanoseconds. The generator measures, so unlike the gateway it reads the clock wherever it must.
#pragma once

#include <cstdint>
#include <ctime>

namespace gw::bench {

inline int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

}  // namespace gw::bench
