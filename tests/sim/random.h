// All chance of a run, from its seed: the same numbers on every machine.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "base/time.h"

namespace gw::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {  // splitmix64 (Steele, Lea, Flood 2014)
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // Below `end`.
  uint64_t below(uint64_t end) { return next() % end; }
  int64_t between(int64_t first, int64_t last) {
    return first + static_cast<int64_t>(below(static_cast<uint64_t>(last - first) + 1));
  }
  Duration between(Duration first, Duration last) { return Duration(between(first.count(), last.count())); }
  bool one_in(uint64_t n) { return below(n) == 0; }
  template <class T>
  const T& one_of(std::span<const T> all) {
    return all[below(all.size())];
  }
  template <class T>
  T one_of(std::initializer_list<T> all) {
    return all.begin()[below(all.size())];
  }

 private:
  uint64_t state_;
};

}  // namespace gw::sim
