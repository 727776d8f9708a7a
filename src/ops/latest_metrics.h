// The one place where another thread gets at the figures: it asks, the control loop makes an immutable copy.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "net/event_loop.h"
#include "ops/metric_family.h"

namespace gw {

class LatestMetrics {
 public:
  using Families = std::shared_ptr<const std::vector<MetricFamily>>;
  // The control loop turns within milliseconds; one that does not is stuck, and has more to worry about.
  static constexpr Duration kWaitMax = 1s;

  // Both are used until close().
  LatestMetrics(EventLoop& loop, std::function<std::vector<MetricFamily>()> collect);

  // Another thread. Null: not in time.
  Families ask();
  // Control loop, or its thread when it turns no more: from now on these are the answer.
  void close(std::vector<MetricFamily> last);

 private:
  void answer(std::vector<MetricFamily> families);

  EventLoop& loop_;
  const std::function<std::vector<MetricFamily>()> collect_;
  std::mutex mutex_;
  std::condition_variable answered_;
  uint64_t answers_ = 0;  // guarded by mutex_, as what follows
  bool closed_ = false;
  Families latest_;
};

}  // namespace gw
