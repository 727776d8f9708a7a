// What has been asked and has no answer yet. Several servers answer in any order; who has to be behind what
// was asked before waits for it here. Control loop only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <utility>

#include "core/done.h"

namespace gw::redis::partitioned {

class Questions {
 public:
  // One more, until the `done` that is returned has been called. This outlives it.
  template <class T>
  Done<T> begin(Done<T> done) {
    const uint64_t number = next_++;
    open_.insert(number);
    return [this, number, done = std::move(done)](Result<T> answer) {
      done(std::move(answer));
      end(number);
    };
  }
  // When those that are open now have been answered.
  void after(std::function<void()> then) {
    if (open_.empty()) return then();
    waiting_.emplace_back(next_, std::move(then));
  }

 private:
  void end(uint64_t number) {
    open_.erase(number);
    while (!waiting_.empty() && (open_.empty() || *open_.begin() >= waiting_.front().first)) {
      const auto then = std::move(waiting_.front().second);
      waiting_.pop_front();
      then();
    }
  }

  uint64_t next_ = 0;
  std::set<uint64_t> open_;
  std::deque<std::pair<uint64_t, std::function<void()>>> waiting_;
};

}  // namespace gw::redis::partitioned
