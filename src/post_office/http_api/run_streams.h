// Readers of runs and of plain streams over HTTP: GET /v1/stream/{id} gives the log's bytes, waits for more,
// or follows it as Server-Sent Events until its end. A slow reader is a place in the log and never a queue.
// No event stream of a run ends cleanly before the run's end has been told: a client takes that for the end
// of the answer. Control loop only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/stream_store.h"
#include "net/event_loop.h"
#include "post_office/http_api/access.h"
#include "post_office/http_api/api_request.h"
#include "post_office/http_api/run_follower.h"
#include "traffic_cop/traffic_cop.h"

namespace gw::http_api {

struct RunStreamOptions {
  std::optional<ChannelSet> anonymous =
      {};  // what clients without a session may use; absent: they are refused
  size_t streams_of_a_user = 256;
  size_t lag_bytes = size_t{64} << 10;  // a reader with more unsent waits
  Duration poll_wait = 20s;             // what a long poll waits for more
};

class RunStreams {
 public:
  // All outlive it; it outlives the HTTP server.
  struct Parts {
    EventLoop& loop;
    RunStore& runs;
    StreamStore& streams;
    TrafficCop& traffic_cop;
    Access& access;
  };

  RunStreams(Parts parts, RunStreamOptions options);
  ~RunStreams();

  // Bytes or events, as the request asks.
  void get(ApiRequest call);
  // Its readers lose what it grants no more.
  void on_session_changed(const SessionPtr& session);
  // Cuts every stream off: the gateway is about to end, and the runs are not over.
  void cut_all();
  size_t size() const { return feeds_.size(); }

 private:
  // Who reads; neither key nor session: anonymous.
  struct Viewer {
    const ApiKey* key = nullptr;
    SessionPtr session;
  };
  struct Ask;

  static bool read_place(Ask& ask, const http::Request& request, const std::string& offset);
  void identify(std::shared_ptr<Ask> ask, std::string_view token, bool is_session_token,
                const IpAddress& from);
  bool may_see(const Viewer& viewer, const RunRecord& run) const;
  void read(const std::shared_ptr<Ask>& ask);
  void read_tail(const std::shared_ptr<Ask>& ask);
  void answer_bytes(Ask& ask, const Run& run) const;
  void send_bytes(Ask& ask, const RunRecord& run, const RunTop& top, uint64_t from,
                  std::string_view bytes) const;
  std::shared_ptr<RunFollower> make_follower(const std::shared_ptr<Ask>& ask);
  void begin(const std::shared_ptr<Ask>& ask, RunFollower& follower, const RunResult<const Run*>& run);
  void touch(const Ask& ask, const RunRecord& run) const;
  void follow(const std::shared_ptr<Ask>& ask);
  void settle(const std::shared_ptr<RunFollower>& feed);
  void forget(const std::shared_ptr<RunFollower>& feed);
  static void cut(const std::vector<std::shared_ptr<RunFollower>>& feeds);
  void catch_up();
  void sweep();
  uint64_t stream_cursor(uint64_t of_client) const;

  const Parts parts_;
  const RunStreamOptions options_;
  std::unordered_map<std::shared_ptr<RunFollower>, std::shared_ptr<Ask>> feeds_;
  std::unordered_set<std::shared_ptr<RunFollower>> lagging_;  // of feeds_
  std::unordered_map<std::string, size_t> of_users_;          // streams
  const char sessions_ = 0;  // its address is the payer of those with a session
  bool closed_ = false;
  TimePoint kept_alive_at_;
  EventLoop::Registration sweeps_;
  EventLoop::Registration catching_up_;
};

}  // namespace gw::http_api
