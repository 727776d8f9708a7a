// What one event may write: its first lines of every window, so that nobody who can cause an event floods the
// log. What is left out is counted and told afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace gw::log {

class EventLimit {
 public:
  static constexpr Duration kWindow = 10s;
  static constexpr uint32_t kLinesMax = 20;
  // There are fewer events than this; one too many would be without a limit.
  static constexpr size_t kEventsMax = 256;

  struct LeftOut {
    std::string_view event;
    uint64_t count = 0;
  };

  // `event` is kept: a literal.
  bool admits(std::string_view event, TimePoint now);
  // Of one window that has ended by `now`; each is told once.
  std::optional<LeftOut> take_left_out(TimePoint now);
  // When to look for something to take. Empty: not before another line is admitted.
  std::optional<TimePoint> next_look() const;
  uint64_t left_out_total() const { return left_out_total_; }

 private:
  struct Window {
    std::string_view event;
    TimePoint end;
    uint32_t admitted = 0;
    uint64_t left_out = 0;
  };
  Window* find(std::string_view event, TimePoint now);

  std::array<Window, kEventsMax> windows_;
  size_t used_ = 0;
  uint64_t left_out_total_ = 0;
};

}  // namespace gw::log
