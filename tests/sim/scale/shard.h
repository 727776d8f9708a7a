// A master of the cluster as a queue of work: what comes in a tick is done at a core's speed, what is left
// waits. Not a model of Redis's answers (tests/sim/redis is one), but of its time.
#pragma once

#include <algorithm>
#include <utility>

namespace gw::sim::scale {

class Shard {
 public:
  void take(double commands, double microseconds) {
    commands_ += commands;
    backlog_us_ += microseconds;
    taken_us_ += microseconds;
  }
  // A core's work of so many seconds is done.
  void run(double seconds) { backlog_us_ = std::max(0.0, backlog_us_ - seconds * 1e6); }
  // How long who comes now waits.
  double wait_s() const { return backlog_us_ / 1e6; }
  // Nothing is answered until its replica has taken over; what waited is lost.
  void fail(double until_s) {
    down_until_s_ = until_s;
    backlog_us_ = 0;
  }
  bool is_up(double now_s) const { return now_s >= down_until_s_; }

  // Since the last call.
  double take_commands() { return std::exchange(commands_, 0); }
  double take_work_us() { return std::exchange(taken_us_, 0); }

 private:
  double backlog_us_ = 0;
  double down_until_s_ = 0;
  double commands_ = 0;
  double taken_us_ = 0;
};

}  // namespace gw::sim::scale
