#include "base/log_limit.h"

#include <algorithm>
#include <utility>

namespace gw::log {

EventLimit::Window* EventLimit::find(std::string_view event, TimePoint now) {
  for (size_t i = 0; i < used_; ++i) {
    if (windows_[i].event == event) return &windows_[i];
  }
  if (used_ == kEventsMax) return nullptr;
  windows_[used_] = {event, now + kWindow};
  return &windows_[used_++];
}

bool EventLimit::admits(std::string_view event, TimePoint now) {
  Window* window = find(event, now);
  if (!window) return true;
  if (now >= window->end) {
    // What it left out is still to be told.
    window->end = now + kWindow;
    window->admitted = 0;
  }
  if (window->admitted < kLinesMax) {
    ++window->admitted;
    return true;
  }
  ++window->left_out;
  ++left_out_total_;
  return false;
}

std::optional<EventLimit::LeftOut> EventLimit::take_left_out(TimePoint now) {
  for (size_t i = 0; i < used_; ++i) {
    Window& window = windows_[i];
    if (now < window.end) continue;
    window.admitted = 0;
    if (window.left_out > 0) return LeftOut{window.event, std::exchange(window.left_out, 0)};
  }
  return std::nullopt;
}

std::optional<TimePoint> EventLimit::next_look() const {
  std::optional<TimePoint> next;
  for (size_t i = 0; i < used_; ++i) {
    const Window& window = windows_[i];
    if (window.admitted == kLinesMax || window.left_out > 0)
      next = next ? std::min(*next, window.end) : window.end;
  }
  return next;
}

}  // namespace gw::log
