// One reader that follows a run as Server-Sent Events. It is a place in the log: what it has no room for is
// not kept for it, and comes merged once it has room.
#pragma once

#include <functional>

#include "post_office/http_api/run_follower.h"

namespace gw::http_api {

class RunFeed final : public RunFollower {
 public:
  // `stream_cursor`: of Durable Streams' caches, now. One with more than `lag_bytes` unsent waits.
  RunFeed(http::Responder responder, Settle settle, std::function<uint64_t()> stream_cursor, size_t lag_bytes)
      : RunFollower(std::move(responder), std::move(settle)),
        stream_cursor_(std::move(stream_cursor)),
        lag_bytes_(lag_bytes) {}

  // Its head goes out then.
  void begin(const Run& run, const RunStart& start) override;
  void on_run_changed(const Run& run, const RunChange& change) override;
  void catch_up() override;
  void keep_alive() override;
  // No clean end: the run is not over, or its reader has not had all of it.
  void cut() override;

 private:
  void advance(const Run& run, bool first = false);
  bool append_pieces(const Run& run, std::string& out);

  const std::function<uint64_t()> stream_cursor_;
  const size_t lag_bytes_;
  http::Stream stream_;
  RunCursor at_;  // what it has been given up to
  bool is_slow_ = false;
  bool must_compare_ = false;
};

}  // namespace gw::http_api
