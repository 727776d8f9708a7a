#include "post_office/guess_limit.h"

#include <algorithm>
#include <cstring>

namespace gw {
namespace {

// One machine usually has a whole /64 of IPv6 to itself.
IpAddress guesser(IpAddress address) {
  if (!address.is_v4())
    std::fill(address.bytes.begin() + 8, address.bytes.end(), static_cast<unsigned char>(0));
  return address;
}

}  // namespace

size_t GuessLimit::Hash::operator()(const IpAddress& address) const {
  size_t low, high;
  std::memcpy(&high, address.bytes.data(), sizeof(high));
  std::memcpy(&low, address.bytes.data() + sizeof(high), sizeof(low));
  return std::hash<size_t>()(high * 0x9e3779b97f4a7c15ULL + low);
}

double GuessLimit::count_at(const Failures& failures, TimePoint now) const {
  const double forgiven = std::chrono::duration<double>(now - failures.at) / options_.forgiven_after;
  return std::max(0.0, failures.count - forgiven);
}

Duration GuessLimit::wait(const IpAddress& address, TimePoint now) const {
  const auto found = failures_.find(guesser(address));
  const bool has_room = failures_.size() < options_.addresses_max;
  if (found == failures_.end() && has_room) return Duration::zero();
  const double count = count_at(found == failures_.end() ? rest_ : found->second, now);
  const double excess = count - (options_.failures_max - 1);
  if (excess <= 0) return Duration::zero();
  return std::chrono::duration_cast<Duration>(options_.forgiven_after * excess);
}

void GuessLimit::record_failure(const IpAddress& address, TimePoint now) {
  Failures& failures = find_or_make(guesser(address), now);
  failures.count = count_at(failures, now) + 1;
  failures.at = now;
}

GuessLimit::Failures& GuessLimit::find_or_make(const IpAddress& address, TimePoint now) {
  const auto found = failures_.find(address);
  if (found != failures_.end()) return found->second;
  if (failures_.size() >= options_.addresses_max) {
    std::erase_if(failures_, [&](const auto& entry) { return count_at(entry.second, now) == 0; });
  }
  if (failures_.size() >= options_.addresses_max) return rest_;
  return failures_.emplace(address, Failures{0, now}).first->second;
}

}  // namespace gw
