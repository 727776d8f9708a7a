// Whom a drain closes when: evenly over its window, since those who leave must not all arrive elsewhere at
// once. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace gw {

class DrainSchedule {
 public:
  // Less than half of the handshakes that one instance takes in a second (bench/RESULTS.md), and each of
  // those who leave makes one elsewhere.
  static constexpr size_t kClosesPerSecond = 1000;
  // Of the drain time; the rest is for close handshakes and queues.
  static constexpr double kSpread = 0.8;

  // A second for those who are about to say something, and more where the pace needs it.
  static Duration window(size_t clients, Duration drain_timeout) {
    const Duration spread = std::chrono::duration_cast<Duration>(drain_timeout * kSpread);
    const Duration wanted = 1s + std::chrono::duration_cast<Duration>(1s) * clients / kClosesPerSecond;
    return std::min(spread, wanted);
  }

  DrainSchedule(std::vector<ConnectionHandle> clients, Duration window, TimePoint now)
      : clients_(std::move(clients)), window_(window), began_(now) {}

  // Those whose turn has come since the last call.
  std::span<const ConnectionHandle> take_due(TimePoint now) {
    const double elapsed = window_ > Duration(0) ? std::chrono::duration<double>(now - began_) /
                                                       std::chrono::duration<double>(window_)
                                                 : 1.0;
    // The first goes after half a step, the last half a step before the end.
    const auto due = static_cast<size_t>(elapsed * static_cast<double>(clients_.size()) + 0.5);
    const size_t first = std::exchange(taken_, std::clamp(due, taken_, clients_.size()));
    return std::span(clients_).subspan(first, taken_ - first);
  }

 private:
  const std::vector<ConnectionHandle> clients_;
  const Duration window_;
  const TimePoint began_;
  size_t taken_ = 0;
};

}  // namespace gw
