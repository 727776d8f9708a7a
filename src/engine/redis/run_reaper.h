// Has runs looked at when time may have decided something: those of any instance that are due, and those
// whose owners speak to this one. The script decides, so looking twice does no harm. Control loop only.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <unordered_map>

#include "engine/redis/run_calls.h"
#include "engine/redis/run_index.h"

namespace gw::redis {

class RunReaper {
 public:
  struct Parts {
    EventLoop& loop;
    const RunPlaces& places;
    RunCalls& calls;
    RunIndex& index;
  };
  using OnClock = std::function<void(WallTime)>;

  RunReaper(const Parts& parts, OnClock on_clock) : parts_(parts), on_clock_(std::move(on_clock)) {}

  // Its owner has just spoken here, and has so long a lease.
  void watch(const std::string& run_id, Duration lease);
  void forget(const std::string& run_id) { watched_.erase(run_id); }
  // Every 100 ms or so.
  void tick(TimePoint now);
  const std::array<uint64_t, 6>& ended() const { return ended_; }
  // Why it ended stands in its record.
  void log_end(const std::string& run_id);
  // It has ended here.
  void count_end(const std::string& run_id, RunStatus status, const RunCounted& counted) {
    ++ended_[static_cast<size_t>(status)];
    tell_end(run_id, counted);
  }
  // As RunStore::on_ended().
  void on_ended(std::function<void(const std::string&, const RunEnded&)> ended) {
    on_ended_ = std::move(ended);
  }
  void tell_end(const std::string& run_id, const RunCounted& counted) const {
    if (counted.traced) on_ended_(run_id, *counted.traced);
  }

 private:
  void pick(const RunPlace& place, size_t bucket);
  void settle(const std::string& run_id);
  void on_settled(const std::string& run_id, const RunAnswer& answer);

  const Parts parts_;
  const OnClock on_clock_;
  std::function<void(const std::string&, const RunEnded&)> on_ended_ = [](const std::string&,
                                                                          const RunEnded&) {};
  std::unordered_map<std::string, TimePoint> watched_;  // until when the owner has to speak again
  TimePoint picked_at_;
  std::array<uint64_t, 6> ended_{};  // by status
};

}  // namespace gw::redis
