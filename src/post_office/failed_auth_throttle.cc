#include "post_office/failed_auth_throttle.h"

#include <algorithm>

namespace gw {
namespace {

// A full table is looked through no more often.
constexpr Duration kTidyPeriod = 1s;

}  // namespace

double FailedAuthThrottle::count_at(const Failures& failures, TimePoint now) const {
  const double forgiven = std::chrono::duration<double>(now - failures.at) / options_.forgiven_after;
  return std::max(0.0, failures.count - forgiven);
}

Duration FailedAuthThrottle::wait(const IpAddress& address, TimePoint now) const {
  const auto found = failures_.find(machine_of(address));
  const bool has_room = failures_.size() < options_.addresses_max;
  if (found == failures_.end() && has_room) return Duration::zero();
  const double count = count_at(found == failures_.end() ? rest_ : found->second, now);
  const double excess = count - (options_.failures_max - 1);
  if (excess <= 0) return Duration::zero();
  return std::chrono::duration_cast<Duration>(options_.forgiven_after * excess);
}

void FailedAuthThrottle::record_failure(const IpAddress& address, TimePoint now) {
  Failures& failures = find_or_make(machine_of(address), now);
  failures.count = count_at(failures, now) + 1;
  failures.at = now;
}

FailedAuthThrottle::Failures& FailedAuthThrottle::find_or_make(const IpAddress& address, TimePoint now) {
  const auto found = failures_.find(address);
  if (found != failures_.end()) return found->second;
  if (failures_.size() >= options_.addresses_max && now - tidied_at_ >= kTidyPeriod) {
    tidied_at_ = now;
    std::erase_if(failures_, [&](const auto& entry) { return count_at(entry.second, now) == 0; });
  }
  if (failures_.size() >= options_.addresses_max) return rest_;
  return failures_.emplace(address, Failures{0, now}).first->second;
}

}  // namespace gw
