#include "ops/latest_metrics.h"

namespace gw {

LatestMetrics::LatestMetrics(EventLoop& loop, std::function<std::vector<MetricFamily>()> collect)
    : loop_(loop), collect_(std::move(collect)) {}

LatestMetrics::Families LatestMetrics::ask() {
  std::unique_lock lock(mutex_);
  if (closed_) return latest_;
  const uint64_t before = answers_;
  // Under the lock, so that the loop is there: close() comes before its end.
  loop_.post([this] { answer(collect_()); });
  const bool in_time = answered_.wait_for(lock, kWaitMax, [&] { return closed_ || answers_ != before; });
  return in_time ? latest_ : nullptr;
}

void LatestMetrics::close(std::vector<MetricFamily> last) {
  answer(std::move(last));
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void LatestMetrics::answer(std::vector<MetricFamily> families) {
  auto made = std::make_shared<const std::vector<MetricFamily>>(std::move(families));
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    latest_ = std::move(made);
    ++answers_;
  }
  answered_.notify_all();
}

}  // namespace gw
