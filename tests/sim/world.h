// One seed's world: its time, its chance, and what happens next. One thread, and nothing outside of it.
#pragma once

#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/random.h"

namespace gw::sim {

class World {
 public:
  // The only one of its thread, as long as it lives: the clocks and random numbers of base/ are its own.
  explicit World(uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  static World& here();

  Random random;

  TimePoint now() const { return now_; }
  WallTime wall_now() const;
  int64_t unix_ms() const { return wall_now().time_since_epoch().count(); }

  // In the order of time, and of asking.
  void at(TimePoint due, std::function<void()> function);
  void after(Duration delay, std::function<void()> function) { at(now_ + delay, std::move(function)); }
  void run_until(TimePoint end);
  void run_for(Duration time) { run_until(now_ + time); }

  // What a reader of a failed run wants to know. Costs nothing unless somebody listens.
  void note(std::string_view who, std::string_view what);
  void keep_history();
  bool keeps_history() const { return keeps_history_; }
  // What the product logged since it was called last, in the name of whoever ran.
  void take_log(std::string_view who);
  // Changes with everything that happens: two runs of a seed have the same.
  uint64_t fingerprint() const { return fingerprint_; }
  uint64_t events() const { return events_; }

 private:
  struct Event {
    TimePoint due;
    uint64_t number;
    std::function<void()> function;

    bool operator<(const Event& other) const {
      return due != other.due ? due > other.due : number > other.number;
    }
  };

  TimePoint now_;
  std::priority_queue<Event> queue_;
  uint64_t next_number_ = 0;
  uint64_t events_ = 0;
  uint64_t fingerprint_ = 0;
  bool keeps_history_ = false;
  int log_ = -1;  // what stands for standard error, where the product logs
  size_t log_read_ = 0;
};

}  // namespace gw::sim
