// The clocks of the machine, alone in a file: a simulation links its own in their place.
#include "base/time.h"

namespace gw {

TimePoint steady_now() { return std::chrono::steady_clock::now(); }

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

int64_t unix_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace gw
