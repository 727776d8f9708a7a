// Whom a drain sends on when: evenly over its window, since those who leave come to other instances, and must
// not all come at once. Pure.
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
  static constexpr size_t kLeavePerSecond = 1000;
  // Of the drain time; the rest is for close handshakes and queues.
  static constexpr double kSpread = 0.8;

  // A second for those who are about to say something, and more where the pace needs it. `clients`: those of
  // all instances, so that all that are drained at once have one window, in which each has its share.
  static Duration window(size_t clients, Duration drain_timeout) {
    const Duration spread = std::chrono::duration_cast<Duration>(drain_timeout * kSpread);
    const Duration wanted = 1s + std::chrono::duration_cast<Duration>(1s) * clients / kLeavePerSecond;
    return std::min(spread, wanted);
  }

  // `phase`: of a step, from 0 to 1, when the first goes. It is another one on each shard, so that they do
  // not keep step.
  DrainSchedule(std::vector<ConnectionHandle> clients, Duration window, double phase, TimePoint now)
      : clients_(std::move(clients)),
        step_(clients_.empty() ? 0 : std::chrono::duration<double>(window).count() / count(clients_)),
        phase_(phase),
        began_(now) {}

  // When the turn comes of the one at that place, from the beginning on.
  Duration slot(size_t place) const {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>((static_cast<double>(place) + phase_) * step_));
  }

  // Those whose turn has come since the last call.
  std::span<const ConnectionHandle> take_due(TimePoint now) {
    const size_t first = taken_;
    while (taken_ < clients_.size() && slot(taken_) <= now - began_) ++taken_;
    return std::span(clients_).subspan(first, taken_ - first);
  }

 private:
  static double count(const std::vector<ConnectionHandle>& clients) {
    return static_cast<double>(clients.size());
  }

  const std::vector<ConnectionHandle> clients_;
  const double step_;  // in seconds
  const double phase_;
  const TimePoint began_;
  size_t taken_ = 0;
};

}  // namespace gw
