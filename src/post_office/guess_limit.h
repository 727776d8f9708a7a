// Slows down whoever guesses API keys: each remote address may fail so often, then waits.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "base/ip.h"
#include "base/time.h"

namespace gw {

struct GuessLimitOptions {
  double failures_max = 20;      // in a row
  Duration forgiven_after = 6s;  // each
  size_t addresses_max = 10'000;
};

class GuessLimit {
 public:
  explicit GuessLimit(const GuessLimitOptions& options = {}) : options_(options) {}

  // How long this address has to wait before another wrong key of its is listened to; zero: not at all.
  Duration wait(const IpAddress& address, TimePoint now) const;
  // Whether a right key has to wait as well. On loopback it has not: behind that may be a proxy that nobody
  // has declared as trusted, and so everybody.
  static bool locks_out(const IpAddress& address) { return !address.is_loopback(); }
  void record_failure(const IpAddress& address, TimePoint now);
  size_t size() const { return failures_.size(); }

 private:
  struct Failures {
    double count = 0;  // as of `at`; less and less after it
    TimePoint at;
  };
  struct Hash {
    size_t operator()(const IpAddress& address) const;
  };

  double count_at(const Failures& failures, TimePoint now) const;
  Failures& find_or_make(const IpAddress& address, TimePoint now);

  const GuessLimitOptions options_;
  std::unordered_map<IpAddress, Failures, Hash> failures_;
  Failures rest_;  // of all the addresses that found no room
};

}  // namespace gw
