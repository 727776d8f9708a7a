// Which sessions an instance has heard of lately that they changed, and since when it would have: who brings
// a session along (core/ticket.h) must not bring one that has changed since. Pure.
#pragma once

#include <optional>
#include <unordered_set>
#include <utility>

#include "base/time.h"
#include "core/session.h"

namespace gw {

class HeardChanges {
 public:
  // Longer than a ticket lives and its issuer may not have heard (gateway/tickets.h).
  static constexpr std::chrono::milliseconds kKept{60'000};
  static constexpr size_t kKeptMax = 100'000;

  // Whatever is said from now on is heard; until then nothing was.
  void begin(WallTime now) { since_ = now; }
  void end() { since_.reset(); }

  void hear(const SessionKey& key, WallTime now) {
    if (now - turned_at_ >= kKept || now < turned_at_) turn(now);
    // Too many to remember: whatever has been said until now may have been of any.
    if (latest_.size() >= kKeptMax) {
      if (since_) since_ = now;
      latest_.clear();
    }
    latest_.insert(key);
  }

  // It would have heard of a change of that session since then, and has not.
  bool is_unchanged_since(const SessionKey& key, WallTime then) const {
    return since_ && *since_ <= then && !latest_.contains(key) && !before_.contains(key);
  }

 private:
  // Each set is kept once more as long as it was filled.
  void turn(WallTime now) {
    before_ = std::exchange(latest_, {});
    turned_at_ = now;
  }

  std::optional<WallTime> since_;
  WallTime turned_at_;
  std::unordered_set<SessionKey, DigestHash> latest_, before_;
};

}  // namespace gw
