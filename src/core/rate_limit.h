// Token bucket. Time is an argument; 24 bytes a connection.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace gw {

struct RateLimit {
  double per_second = 100;  // 0: no limit
  double burst = 200;
};

class TokenBucket {
 public:
  TokenBucket(const RateLimit& limit, TimePoint now) : tokens_(limit.burst), refilled_at_(now) {}

  // Refills, then says whether one message may pass. Does not take it.
  bool ready(const RateLimit& limit, TimePoint now) {
    if (limit.per_second <= 0 || tokens_ >= 1) return true;
    const double elapsed = std::chrono::duration<double>(now - refilled_at_).count();
    tokens_ = std::min(limit.burst, tokens_ + elapsed * limit.per_second);
    refilled_at_ = now;
    return tokens_ >= 1;
  }

  void take(const RateLimit& limit, TimePoint now) {
    if (limit.per_second <= 0) return;
    const double elapsed = std::chrono::duration<double>(now - refilled_at_).count();
    tokens_ = std::min(limit.burst, tokens_ + elapsed * limit.per_second) - 1;
    refilled_at_ = now;
  }

  // When the next message may pass, given that none may now.
  TimePoint ready_at(const RateLimit& limit) const {
    const double missing = std::max(0.0, 1 - tokens_) / limit.per_second;
    return refilled_at_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(missing));
  }

 private:
  double tokens_;
  TimePoint refilled_at_;
};

}  // namespace gw
