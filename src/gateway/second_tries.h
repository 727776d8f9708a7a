// Who came with a ticket to a limit of connections: the one that it has left may still count, so it is tried
// again. Pure.
#pragma once

#include <utility>
#include <vector>

#include "gateway/inter_thread.h"

namespace gw {

class SecondTries {
 public:
  static constexpr int kTries = 2;  // at the next probe, and at the one after it
  static constexpr size_t kWaitingMax = 10'000;

  struct Waiting {
    event::Admit request;
    int tries_left = 0;
  };

  // False: it has had all that it may.
  bool put(const event::Admit& request, int tries_left) {
    if (tries_left == 0 || waiting_.size() >= kWaitingMax) return false;
    waiting_.push_back({request, tries_left - 1});
    return true;
  }
  std::vector<Waiting> take() { return std::exchange(waiting_, {}); }

 private:
  std::vector<Waiting> waiting_;
};

}  // namespace gw
