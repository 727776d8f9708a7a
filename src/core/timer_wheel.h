// Deadlines of many connections with one 100 ms tick (Varghese & Lauck 1987, scheme 6).
// An entry is a value; whoever is woken decides whether the wake still matters. No cancel.
#pragma once

#include <array>
#include <vector>

#include "base/time.h"

namespace gw {

template <class Entry>
class TimerWheel {
 public:
  static constexpr Duration kTick = 100ms;

  explicit TimerWheel(TimePoint now) : ticked_to_(now) {}

  // Wakes `entry` at the first tick at or after `when`, or earlier when `when` lies beyond the wheel's
  // 51 s: the woken side asks again.
  void schedule(TimePoint when, Entry entry) {
    size_t ahead = 1;
    if (when > ticked_to_) {
      ahead = static_cast<size_t>((when - ticked_to_ + kTick - Duration(1)) / kTick);
      ahead = std::min(std::max<size_t>(ahead, 1), kSlots - 1);
    }
    slots_[(position_ + ahead) % kSlots].push_back(std::move(entry));
  }

  // Calls wake(entry) for all that are due by `now`; wake may schedule again.
  template <class F>
  void advance(TimePoint now, F&& wake) {
    while (ticked_to_ + kTick <= now) {
      ticked_to_ += kTick;
      position_ = (position_ + 1) % kSlots;
      std::vector<Entry> due;
      due.swap(slots_[position_]);
      for (Entry& entry : due) wake(entry);
    }
  }

  TimePoint next_tick() const { return ticked_to_ + kTick; }

 private:
  static constexpr size_t kSlots = 512;

  std::array<std::vector<Entry>, kSlots> slots_;
  size_t position_ = 0;
  TimePoint ticked_to_;
};

}  // namespace gw
