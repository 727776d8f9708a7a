// Slows down whoever guesses API keys: each remote address may fail so often, then waits. It knows of wrong
// keys alone: whoever shows a right one is not asked about the others at its address.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "base/ip_machine.h"
#include "base/time.h"

namespace gw {

struct FailedAuthThrottleOptions {
  double failures_max = 20;      // in a row
  Duration forgiven_after = 6s;  // each
  size_t addresses_max = 10'000;
};

class FailedAuthThrottle {
 public:
  explicit FailedAuthThrottle(const FailedAuthThrottleOptions& options = {}) : options_(options) {}

  // How long this address has to wait before another wrong key of its is listened to; zero: not at all.
  Duration wait(const IpAddress& address, TimePoint now) const;
  void record_failure(const IpAddress& address, TimePoint now);
  size_t size() const { return failures_.size(); }

 private:
  struct Failures {
    double count = 0;  // as of `at`; less and less after it
    TimePoint at;
  };

  double count_at(const Failures& failures, TimePoint now) const;
  Failures& find_or_make(const IpAddress& address, TimePoint now);

  const FailedAuthThrottleOptions options_;
  std::unordered_map<IpAddress, Failures, IpAddressHash> failures_;
  TimePoint tidied_at_;
  Failures rest_;  // of all the addresses that found no room
};

}  // namespace gw
