// Stops asking an engine that keeps failing (contract: docs/PROTOCOL.md, "Backpressure"). Pure: time is
// given.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/time.h"

namespace gw {

class CircuitBreaker {
 public:
  struct Options {
    size_t failures = 5;       // in a row: opens
    Duration open_time = 30s;  // then it tries again
    size_t successes = 2;      // in a row while half open: closes
  };
  enum class State { closed, open, half_open };

  explicit CircuitBreaker(const Options& options) : options_(options) {}

  // May one more be sent? Half open: one at a time.
  bool allow(TimePoint now);
  void on_success();
  void on_failure(TimePoint now);
  // Something else has shown that the engine works: no need to wait for the time to pass.
  void try_again();
  // It has shown so for long enough.
  void close();

  State state() const { return state_; }
  size_t failures() const { return failures_; }

 private:
  const Options options_;
  State state_ = State::closed;
  size_t failures_ = 0;   // in a row
  size_t successes_ = 0;  // in a row, half open
  bool trying_ = false;   // half open, and one is on its way
  TimePoint opened_at_;
};

std::string_view to_string(CircuitBreaker::State state);

}  // namespace gw
