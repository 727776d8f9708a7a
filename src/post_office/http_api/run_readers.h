// The readers that wait for more of a log over HTTP, whatever their protocol. A slow reader is a place in the
// log and never a queue. No stream of a run ends cleanly before the run's end has been told: a client takes
// that for the end of the answer. Control loop only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "core/run_store.h"
#include "net/event_loop.h"
#include "post_office/http_api/run_callers.h"
#include "post_office/http_api/run_follower.h"

namespace gw::http_api {

struct RunReaderOptions {
  size_t streams_of_a_user = 256;
  size_t streams_of_a_key = 7500;       // the rest is for others
  size_t lag_bytes = size_t{64} << 10;  // a reader with more unsent waits
};

class RunReaders {
 public:
  // All outlive it; it outlives the HTTP server.
  struct Parts {
    EventLoop& loop;
    RunStore& runs;
    const RunCallers& callers;
  };

  RunReaders(Parts parts, RunReaderOptions options);
  ~RunReaders();

  // Where a reader of a run that it may see begins, or what it is answered instead.
  using Place = std::function<std::variant<RunStart, http::Response>(const Run&)>;
  struct Ask {
    RunCaller caller;
    std::string run_id;
    std::function<std::shared_ptr<RunFollower>(RunFollower::Settle)> follower;  // makes it
    Place place;
    http::Response unknown;  // where there is no such run, or none that it may see
  };
  void follow(Ask ask);
  // A session whose caller will follow a run once his question has been answered: it is as it is now for as
  // long as anybody holds it. Null: there is none.
  using LiveSession = std::shared_ptr<const SessionPtr>;
  LiveSession keep_current(const SessionPtr& session);
  // What follow() would answer somebody now, whatever the run. Empty: nothing is against it.
  std::optional<http::Response> refuse_one_more(const RunCaller& caller) const;

  // Who follows, or is about to, loses what it grants no more.
  void on_session_changed(const SessionPtr& session);
  // Cuts every stream off: the gateway is about to end, and the runs are not over.
  void cut_all();
  size_t size() const { return feeds_.size(); }
  size_t lag_bytes() const { return options_.lag_bytes; }

 private:
  void settle(const std::shared_ptr<RunFollower>& feed);
  void forget(const std::shared_ptr<RunFollower>& feed);
  static void cut(const std::vector<std::shared_ptr<RunFollower>>& feeds);
  void catch_up();
  void sweep();

  const Parts parts_;
  const RunReaderOptions options_;
  std::unordered_map<std::shared_ptr<RunFollower>, RunCaller> feeds_;
  std::unordered_set<std::shared_ptr<RunFollower>> lagging_;  // of feeds_
  std::unordered_map<std::string, size_t> of_users_;          // streams
  std::unordered_map<const ApiKey*, size_t> of_keys_;         // as few as there are keys
  std::vector<std::weak_ptr<SessionPtr>> expected_;           // of questions on their way
  bool closed_ = false;
  TimePoint kept_alive_at_;
  EventLoop::Registration sweeps_;
  EventLoop::Registration catching_up_;
};

}  // namespace gw::http_api
