// One reader that waits for whatever comes behind its place, and is answered once: a long poll of Durable
// Streams.
#pragma once

#include <functional>

#include "net/event_loop.h"
#include "net/http/server.h"
#include "post_office/http_api/run_follower.h"

namespace gw::http_api {

class RunPoll final : public RunFollower {
 public:
  // Answered after `wait` at the latest. `stream_cursor`: of Durable Streams' caches, now.
  RunPoll(http::Responder responder, Settle settle, std::function<uint64_t()> stream_cursor, EventLoop& loop,
          Duration wait)
      : RunFollower(std::move(settle)),
        responder_(std::move(responder)),
        stream_cursor_(std::move(stream_cursor)),
        loop_(loop),
        wait_(wait) {}

  void begin(const Run& run, const RunStart& start) override;
  void refuse(http::Response response) override;
  void on_run_changed(const Run& run, const RunChange& change) override;
  bool has_left() const override { return !responder_.is_waiting() || responder_.peer_ended(); }
  // Answered with what there is.
  void cut() override;

 private:
  void look(const Run& run);
  void answer(const Run& run);

  http::Responder responder_;
  const std::function<uint64_t()> stream_cursor_;
  EventLoop& loop_;
  const Duration wait_;
  EventLoop::Registration over_;
  RunCursor at_;  // what its reader has
};

}  // namespace gw::http_api
