// One reader of a log over HTTP that waits for more of it: it follows (run_feed.h), or waits until there is
// anything (run_poll.h).
//
//   unanswered --begin--> open <--> lagging --> ended
//
// To `ended` from anywhere: with the last that it is told, refused, cut, or because its client left.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/run_store.h"
#include "net/http/message.h"
#include "post_office/http_api/run_events.h"

namespace gw::http_api {

class RunFollower : public RunReader, public std::enable_shared_from_this<RunFollower> {
 public:
  enum class State : uint8_t { unanswered, open, lagging, ended };
  using Settle = std::function<void(const std::shared_ptr<RunFollower>&)>;

  State state() const { return state_; }
  // The store has taken it, so that nothing is missed between.
  virtual void begin(const Run& run, const RunStart& start) = 0;
  virtual void refuse(http::Response response) = 0;
  // A lagging one, again and again.
  virtual void catch_up() {}
  virtual void keep_alive() {}
  // Its client has left, and nobody has told it.
  virtual bool has_left() const { return false; }
  // The gateway is about to end, or its reader may not read it any more.
  virtual void cut() = 0;

  RunReading reading;

 protected:
  // `settle` is called when the state may have changed.
  explicit RunFollower(Settle settle) : settle_(std::move(settle)) {}
  // Whoever settles it may let go of it.
  void become(State state) {
    const std::shared_ptr<RunFollower> self = shared_from_this();
    state_ = state;
    settle_(self);
  }

  State state_ = State::unanswered;

 private:
  const Settle settle_;
};

}  // namespace gw::http_api
