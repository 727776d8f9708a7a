// One reader that follows a run as Server-Sent Events. It is a place in the log: what it has no room for is
// not kept for it, and comes merged once it has room.
//
//   unanswered --begin--> open <--> lagging --> ended
//
// To `ended` from anywhere: with the last event of the run, refused, cut, or because its client left.
#pragma once

#include <functional>
#include <memory>

#include "core/run_store.h"
#include "net/http/server.h"
#include "post_office/http_api/run_events.h"

namespace gw::http_api {

class RunFeed final : public RunReader, public std::enable_shared_from_this<RunFeed> {
 public:
  enum class State : uint8_t { unanswered, open, lagging, ended };
  using Settle = std::function<void(const std::shared_ptr<RunFeed>&)>;

  // `settle` is called when the state may have changed. `stream_cursor`: of Durable Streams' caches, now. One
  // with more than `lag_bytes` unsent waits.
  RunFeed(http::Responder responder, Settle settle, std::function<uint64_t()> stream_cursor, size_t lag_bytes)
      : responder_(std::move(responder)),
        settle_(std::move(settle)),
        stream_cursor_(std::move(stream_cursor)),
        lag_bytes_(lag_bytes) {}

  State state() const { return state_; }
  // Its head goes out once the store has taken it, so that nothing is missed between.
  void begin(const Run& run, const RunStart& start);
  void refuse(http::Response response);
  void on_run_changed(const Run& run, const RunChange& change) override;
  // A lagging one, again and again.
  void catch_up();
  void keep_alive();
  // No clean end: the run is not over, or its reader has not had all of it.
  void cut();

  RunReading reading;

 private:
  void advance(const Run& run, bool first = false);
  bool append_pieces(const Run& run, std::string& out);
  void become(State state);

  http::Responder responder_;
  const Settle settle_;
  const std::function<uint64_t()> stream_cursor_;
  const size_t lag_bytes_;
  State state_ = State::unanswered;
  http::Stream stream_;
  RunCursor at_;  // what it has been given up to
  bool is_slow_ = false;
  bool must_compare_ = false;
};

}  // namespace gw::http_api
