#include "sim/machine.h"

#include "sim/network.h"

namespace gw::sim {

void Machine::at(TimePoint due, std::function<void()> function) {
  due_.push({due, next_number_++, std::move(function)});
  wake(std::max(due, world_.now()));
}

// One event of the world for the next turn, however much is due.
void Machine::wake(TimePoint when) {
  if (when >= wakes_at_) return;
  wakes_at_ = when;
  world_.at(when, [weak = weak_from_this(), when] {
    const auto self = weak.lock();
    if (self && self->wakes_at_ == when) self->turn();
  });
}

void Machine::turn() {
  wakes_at_ = TimePoint::max();
  if (ended_) return;
  const auto keep_alive = shared_from_this();
  if (world_.now() < busy_until_) return wake(busy_until_);
  loop_.turn(Duration::zero());
  world_.take_log(name_);
  if (turn_max_ > Duration::zero()) stall(world_.random.between(Duration::zero(), turn_max_));
  if (!due_.empty()) wake(std::max(due_.top().at, busy_until_));
}

void Machine::end() {
  ended_ = true;
  due_ = {};
}

bool Machine::run_one() {
  if (ended_ || due_.empty() || due_.top().at > world_.now()) return false;
  const auto function = std::move(const_cast<Due&>(due_.top()).function);
  due_.pop();
  function();
  return true;
}

std::shared_ptr<gw::Stream> Machine::make_stream(EventLoop&, const TlsOptions&) {
  return network_.make_stream(shared_from_this());
}

}  // namespace gw::sim
