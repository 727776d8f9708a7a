// Calls that wait for something to happen to a run: heartbeats for a cancel, lookups for the end. Control
// loop only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/run_store.h"
#include "net/event_loop.h"
#include "net/http/server.h"
#include "post_office/api_keys.h"

namespace gw {

struct RunWaitLimits {
  size_t waits = 10'000;         // of all keys
  size_t waits_of_a_key = 7500;  // of one: the rest is for others
};

class RunWaits {
 public:
  // What ends a wait before its time; the end of the run always does.
  enum class For : uint8_t {
    owner,  // a cancel, or another claim
    end,
  };

  // Both outlive it.
  RunWaits(EventLoop& loop, RunStore& runs, const RunWaitLimits& limits = {});
  ~RunWaits();

  // Valid within the call: as the run ended, which of one that was deleted nobody can look up. Null: it has
  // to be looked up.
  using OnDone = std::function<void(const Run* ended)>;
  // Calls `done` once: something has happened, the time is over, or close_all() was called. Not at all when
  // `asker` has gone. False, and nothing is kept: too many wait already.
  bool wait(const std::string& run_id, For what, Duration most, const ApiKey& key, http::Responder asker,
            OnDone done);
  // Ends all of them; from then on nobody waits.
  void close_all();
  size_t size() const { return waits_.size(); }

 private:
  class Wait;

  void end(const std::shared_ptr<Wait>& wait, bool answers, const Run* ended = nullptr);
  void sweep();

  EventLoop& loop_;
  RunStore& runs_;
  const RunWaitLimits limits_;
  std::unordered_set<std::shared_ptr<Wait>> waits_;
  std::unordered_map<const ApiKey*, size_t> of_keys_;  // as few as there are keys
  bool closed_ = false;
  EventLoop::Registration sweeps_;
};

}  // namespace gw
