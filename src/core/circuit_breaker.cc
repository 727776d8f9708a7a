#include "core/circuit_breaker.h"

namespace gw {

bool CircuitBreaker::allow(TimePoint now) {
  if (state_ == State::open && now - opened_at_ >= options_.open_time) try_again();
  if (state_ == State::open || (state_ == State::half_open && trying_)) return false;
  trying_ = state_ == State::half_open;
  return true;
}

void CircuitBreaker::on_success() {
  failures_ = 0;
  trying_ = false;
  if (state_ == State::half_open && ++successes_ >= options_.successes) state_ = State::closed;
}

void CircuitBreaker::on_failure(TimePoint now) {
  trying_ = false;
  ++failures_;
  if (state_ == State::half_open || (state_ == State::closed && failures_ >= options_.failures)) {
    state_ = State::open;
    opened_at_ = now;
  }
}

void CircuitBreaker::close() {
  state_ = State::closed;
  failures_ = 0;
  trying_ = false;
}

void CircuitBreaker::try_again() {
  if (state_ != State::open) return;
  state_ = State::half_open;
  successes_ = 0;
  trying_ = false;
}

std::string_view to_string(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::closed: return "closed";
    case CircuitBreaker::State::open: return "open";
    case CircuitBreaker::State::half_open: return "half_open";
  }
  return "";
}

}  // namespace gw
