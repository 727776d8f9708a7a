// Notices when somebody sets the wall clock (or the machine slept), by the clock that nobody can set.
#pragma once

#include <chrono>

#include "base/time.h"

namespace gw {

class ClockWatch {
 public:
  // Less than this is drift, which nobody who counts in seconds sees.
  static constexpr Duration kStep = 500ms;

  ClockWatch(TimePoint now, WallTime wall) : offset_(offset(now, wall)), suspected_(offset_) {}

  // True once for each step, when it has been seen twice: between the reading of the two clocks the thread
  // may have waited for a processor. Drift adds up until it is a step.
  bool has_stepped(TimePoint now, WallTime wall) {
    const Duration seen = offset(now, wall);
    const bool confirmed = std::chrono::abs(seen - suspected_) < kStep;
    suspected_ = seen;
    if (!confirmed || std::chrono::abs(seen - offset_) < kStep) return false;
    offset_ = seen;
    return true;
  }

 private:
  static Duration offset(TimePoint now, WallTime wall) {
    return Duration(wall.time_since_epoch()) - now.time_since_epoch();
  }

  Duration offset_;
  Duration suspected_;
};

}  // namespace gw
