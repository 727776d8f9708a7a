#include "app/departure.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace gw {
namespace {

// Without an answer so long it goes as if it were alone.
constexpr Duration kLookLimit = 500ms;
// Instances come and go while clients leave.
constexpr Duration kLookEvery = 500ms;

}  // namespace

void Departure::begin(Duration drain_timeout, std::function<void()> done) {
  const TimePoint ends_at = loop_.now() + drain_timeout;
  begin_ = [this, ends_at, done = std::move(done)](const InstanceReports::Others& others) {
    const Duration left = std::max(Duration(0), ends_at - loop_.now());
    gateway_.drain({left, others.connections, others.ready > 0}, done);
  };
  limit_ = loop_.after(kLookLimit, [this] { take({}); });
  timer_ = loop_.every(kLookEvery, [this] { look(); });
  look();
}

void Departure::look() {
  reports_.look([this](const Result<InstanceReports::Others>& others) {
    take(others ? *others : InstanceReports::Others());
  });
}

void Departure::take(const InstanceReports::Others& others) {
  if (ended_) return;
  limit_.reset();
  if (const auto begin = std::exchange(begin_, nullptr)) return begin(others);
  gateway_.tell_successors(others.ready > 0);
}

void Departure::end() {
  if (begin_) take({});
  ended_ = true;
  limit_.reset();
  timer_.reset();
  const GatewayStats stats = gateway_.stats();
  log::info("drain_ended", {{"connections_left", stats.shards.connections_active},
                            {"sent_on", stats.shards.sent_on_total},
                            {"tickets", stats.shards.tickets_issued_total}});
}

}  // namespace gw
