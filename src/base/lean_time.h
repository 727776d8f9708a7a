// A time or none, in the room of a time, where std::optional takes twice that: for records of which there are
// many.
#pragma once

#include <optional>

#include "base/time.h"

namespace gw {

class LeanTime {
 public:
  LeanTime() = default;
  LeanTime(WallTime time) : time_(time) {}
  LeanTime(std::optional<WallTime> time) : time_(time.value_or(kNone)) {}

  explicit operator bool() const { return time_ != kNone; }
  // There is one.
  const WallTime& operator*() const { return time_; }
  operator std::optional<WallTime>() const { return *this ? std::optional(time_) : std::nullopt; }
  void reset() { time_ = kNone; }

  friend bool operator==(const LeanTime&, const LeanTime&) = default;

 private:
  static constexpr WallTime kNone = WallTime::min();

  WallTime time_ = kNone;
};

}  // namespace gw
