// GET /v1/stream/{id}: the bytes of a run's log, or of a plain stream; or what comes, as Server-Sent Events
// until its end, or one answer as soon as there is more. Control loop only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "core/stream_store.h"
#include "net/event_loop.h"
#include "post_office/http_api/api_request.h"
#include "post_office/http_api/run_readers.h"

namespace gw::http_api {

class RunStreams {
 public:
  // All outlive it; it outlives the HTTP server.
  struct Parts {
    EventLoop& loop;
    RunStore& runs;
    StreamStore& streams;
    RunCallers& callers;
    RunReaders& readers;
  };

  // `poll_wait`: what a long poll waits for more.
  RunStreams(Parts parts, Duration poll_wait) : parts_(parts), poll_wait_(poll_wait) {}

  // Bytes or events, as the request asks.
  void get(ApiRequest call);

 private:
  struct Ask;

  static bool read_place(Ask& ask, const http::Request& request, const std::string& offset);
  void read(const std::shared_ptr<Ask>& ask);
  void read_head(const std::shared_ptr<Ask>& ask);
  void read_tail(const std::shared_ptr<Ask>& ask);
  void answer_bytes(Ask& ask, const Run& run) const;
  void send_bytes(Ask& ask, const RunRecord& run, const RunTop& top, uint64_t from,
                  std::string_view bytes) const;
  std::shared_ptr<RunFollower> make_follower(const Ask& ask, RunFollower::Settle settle);
  std::variant<RunStart, http::Response> place_of(const Ask& ask, const Run& run) const;
  void touch(const Ask& ask, const RunRecord& run) const;
  void follow(const std::shared_ptr<Ask>& ask);
  uint64_t stream_cursor(uint64_t of_client) const;

  const Parts parts_;
  const Duration poll_wait_;
};

}  // namespace gw::http_api
