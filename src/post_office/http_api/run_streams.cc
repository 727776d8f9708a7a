#include "post_office/http_api/run_streams.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/run/run_machine.h"
#include "net/http/head.h"
#include "post_office/authorized_runs.h"
#include "post_office/fields.h"
#include "post_office/http_api/origin_check.h"
#include "post_office/http_api/run_bodies.h"
#include "post_office/http_api/run_events.h"

namespace gw::http_api {
namespace {

constexpr Duration kSweepPeriod = 1s;
constexpr Duration kKeepAlivePeriod = 5s;
constexpr Duration kCatchUpPeriod = 10ms;

// Whose streams count together; empty: nobody's. A user's tenant and name never change while he is here.
template <class Viewer>
std::string user_of(const Viewer& viewer) {
  return viewer.session ? viewer.session->tenant_id + "/" + viewer.session->user_id : std::string();
}

http::Response cursor_mismatch() {
  return http::Response::error(410, "cursor_mismatch", "the log has no such place (any more)");
}

http::Response log_expired() {
  return http::Response::error(410, "expired", "the log of this run has made room for others");
}

RunRefusal no_such_run() {
  RunRefusal refused;
  refused.code = RunErrc::not_found;
  return refused;
}

bool wants_events(const http::Request& request, std::string_view live) {
  if (!live.empty()) return live == "sse";
  return request.field("Accept").value_or("").find("text/event-stream") != std::string_view::npos;
}

}  // namespace

// What a request asked for, while it is found out who asks.
struct RunStreams::Ask {
  explicit Ask(http::Responder asker) : responder(std::move(asker)) {}

  http::Responder responder;
  std::string run_id = {};
  Viewer viewer = {};
  bool events = false;
  bool from_now = false;
  bool is_event_id = false;         // the place is an EventSource's, which has no other way to be told
  bool had_end = false;             // and it was told the end
  bool has_place = false;           // else from the start
  std::optional<RunCursor> cursor;  // of the place; absent: it is none
  uint64_t stream_cursor = 0;       // of Durable Streams' caches
};

RunStreams::RunStreams(Parts parts, RunStreamOptions options)
    : parts_(parts), options_(options), sweeps_(parts.loop.every(kSweepPeriod, [this] { sweep(); })) {}

RunStreams::~RunStreams() = default;

// --- Who asks, and for what -------------------------------------------------------------------------------

void RunStreams::get(ApiRequest call) {
  const http::Request& request = call.request;
  QueryFields fields(request.query);
  const std::string live = fields.optional_text("live").value_or("");
  const std::string offset = fields.optional_text("offset").value_or("");
  std::string token = fields.optional_text("session_token").value_or("");
  if (token.empty()) token = fields.optional_text("token").value_or("");
  const std::string cache = fields.optional_text("cursor").value_or("0");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  if (!live.empty() && live != "sse")
    return refuse(call.responder, Error{Errc::invalid_argument, "live must be sse"});

  const auto ask = std::make_shared<Ask>(std::move(call.responder));
  if (const Result<std::string> id = path_parameter(request, "id")) ask->run_id = *id;
  ask->events = wants_events(request, live);
  ask->stream_cursor = std::strtoull(cache.c_str(), nullptr, 10);
  std::string_view event_id = trim_blanks(request.field("Last-Event-ID").value_or(""));
  ask->is_event_id = ask->events && !event_id.empty();
  if (ask->is_event_id) {
    ask->had_end = event_id.ends_with(kEndSuffix);
    if (ask->had_end) event_id.remove_suffix(kEndSuffix.size());
    ask->has_place = true;
    ask->cursor = RunCursor::parse(event_id);
  } else if (offset == "now") {
    ask->from_now = true;
  } else if (!offset.empty() && offset != "-1") {
    ask->has_place = true;
    ask->cursor = RunCursor::parse(offset);
    if (!ask->cursor)
      return refuse(ask->responder, Error{Errc::invalid_argument, "offset must be a cursor, -1 or now"});
  }
  const bool in_query = !token.empty();
  const std::string_view shown = in_query ? std::string_view(token) : http::bearer_token(request.fields);
  // Where nothing has to be shown, the Host alone tells that a page came under a name of its own.
  if (shown.empty() && options_.anonymous) {
    if (auto refused = refuse_wrong_host(request)) return ask->responder.send(*std::move(refused));
  }
  identify(ask, shown, in_query, request.remote_address);
}

void RunStreams::identify(std::shared_ptr<Ask> ask, std::string_view token, bool is_session_token,
                          const IpAddress& from) {
  if (token.empty() && options_.anonymous) return read(ask);
  if (token.empty()) return ask->responder.send(parts_.access.refuse_stranger());
  if (const ApiKey* const key = is_session_token ? nullptr : parts_.access.find(token)) {
    if (const Result<void> granted = key->check_scope(Scope::runs); !granted)
      return refuse(ask->responder, granted.error());
    ask->responder.bill(key);
    ask->viewer.key = key;
    return read(ask);
  }
  parts_.traffic_cop.validate(token, [this, ask, is_session_token, from](const Result<SessionPtr>& session) {
    // As for /ws, who shows a session that has ended is no guesser of keys.
    if (!session && session.error().code == Errc::unauthenticated) {
      return ask->responder.send(is_session_token ? Access::refuse_session()
                                                  : parts_.access.refuse_unknown(from));
    }
    if (!session) return refuse(ask->responder, session.error());
    ask->responder.bill(&sessions_);
    ask->viewer.session = *session;
    read(ask);
  });
}

bool RunStreams::may_see(const Viewer& viewer, const RunRecord& run) const {
  if (viewer.key) return reaches(AuthorizedRuns::reach_of(*viewer.key), run);
  RunViewer client;
  if (const Session* const session = viewer.session.get()) {
    client.has_session = true;
    client.session_ref = session->ref;
    client.user_id = session->user_id;
    client.tenant_id = session->tenant_id;
    client.granted = session->channels;
  } else {
    client.granted = options_.anonymous.value_or(ChannelSet());
  }
  return run::may_see(run, client);
}

// --- Answers ----------------------------------------------------------------------------------------------

void RunStreams::read(const std::shared_ptr<Ask>& ask) {
  if (!is_valid_run_id(ask->run_id)) return refuse(ask->responder, no_such_run());
  if (ask->events) return follow(ask);
  if (ask->from_now || ask->has_place) return read_tail(ask);
  parts_.runs.find(ask->run_id, {}, [this, ask](const RunResult<const Run*>& run) {
    if (!run) return refuse(ask->responder, run.error());
    if (!may_see(ask->viewer, (*run)->record)) return refuse(ask->responder, no_such_run());
    answer_bytes(*ask, **run);
  });
}

// What stands before the place is not asked for.
void RunStreams::read_tail(const std::shared_ptr<Ask>& ask) {
  const auto cursor = ask->from_now ? std::nullopt : ask->cursor;
  parts_.runs.find_tail(ask->run_id, {}, cursor, [this, ask](const RunResult<RunTail>& tail) {
    if (!tail) return refuse(ask->responder, tail.error());
    if (!may_see(ask->viewer, tail->record)) return refuse(ask->responder, no_such_run());
    const bool loses = resumed_run(tail->record, tail->resume, ask->cursor).loses;
    // Where the bytes are gone nobody knows whether the place was one of theirs.
    if (tail->is_expired && (loses || tail->resume.pos < tail->top.pos))
      return ask->responder.send(log_expired());
    if (loses) return ask->responder.send(cursor_mismatch());
    send_bytes(*ask, tail->record, tail->top, tail->bytes);
  });
}

namespace {

// 410, or empty and `start` says where.
template <class Ask>
std::optional<http::Response> find_start(const Ask& ask, const Run& run, RunStart& start) {
  if (ask.from_now) start.pos = run.log.size();
  if (ask.has_place) start = resume_run(run, ask.cursor);
  const bool is_offset = ask.has_place && !ask.is_event_id;
  const bool loses = is_offset && start.loses;
  if (run.log.is_expired() && (loses || start.pos < run.log.size())) return log_expired();
  if (loses) return cursor_mismatch();
  if (is_offset) start.reset_cause = {};
  return std::nullopt;
}

}  // namespace

void RunStreams::answer_bytes(Ask& ask, const Run& run) const {
  RunStart start;
  if (auto refused = find_start(ask, run, start)) return ask.responder.send(*std::move(refused));
  send_bytes(ask, run.record, top_of(run),
             run.log.bytes(std::min(start.pos, run.log.bytes_here()), run.log.bytes_here()));
}

void RunStreams::send_bytes(Ask& ask, const RunRecord& run, const RunTop& top, std::string_view bytes) {
  const bool is_json = has_lines(run.format);
  http::Response response;
  response.content_type = is_json ? "application/json" : "text/plain; charset=utf-8";
  response.body = is_json ? json_array(bytes) : std::string(bytes);
  response.header("Stream-Next-Offset", RunCursor{top.epoch, top.pos, top.hash}.sortable())
      .header("Stream-Up-To-Date", "true")
      .header("Run-Status", to_string(top.status))
      .header("Run-Hash", top.hash.text())
      .header("Cross-Origin-Resource-Policy", "cross-origin");
  if (is_over(top.status)) response.header("Stream-Closed", "true");
  ask.responder.send(std::move(response));
}

void RunStreams::follow(const std::shared_ptr<Ask>& ask) {
  if (closed_) return refuse(ask->responder, Error{Errc::unavailable, "the gateway is about to end"});
  const std::string user = user_of(ask->viewer);
  if (!user.empty() && of_users_[user] >= options_.streams_of_a_user) {
    RunRefusal busy;
    busy.code = RunErrc::rate_limited;
    busy.detail = "this user has too many streams open";
    return refuse(ask->responder, busy);
  }
  if (!user.empty()) ++of_users_[user];
  const auto feed = std::make_shared<RunFeed>(
      ask->responder, [this](const std::shared_ptr<RunFeed>& changed) { settle(changed); },
      [this, of_client = ask->stream_cursor] { return stream_cursor(of_client); }, options_.lag_bytes);
  feeds_.emplace(feed, ask);
  RunReading reading = parts_.runs.read(
      ask->run_id, feed, [this, ask, weak = std::weak_ptr<RunFeed>(feed)](const RunResult<const Run*>& run) {
        const std::shared_ptr<RunFeed> begun = weak.lock();
        if (!begun || begun->state() != RunFeed::State::unanswered) return;
        RunStart start;
        std::optional<http::Response> refused;
        if (!run) {
          refused = refusal(run.error());
        } else if (!may_see(ask->viewer, (*run)->record)) {
          refused = refusal(no_such_run());
        } else if (ask->had_end && is_over((*run)->record.status)) {
          // The one answer after which an EventSource does not come back.
          refused.emplace();
          refused->status = 204;
          refused->content_type = {};
        } else {
          refused = find_start(*ask, **run, start);
        }
        if (refused) return begun->refuse(*std::move(refused));
        begun->begin(**run, start);
      });
  // It may have ended within the call.
  if (feeds_.contains(feed)) feed->reading = std::move(reading);
}

// --- While they are open ----------------------------------------------------------------------------------

void RunStreams::settle(const std::shared_ptr<RunFeed>& feed) {
  if (feed->state() == RunFeed::State::ended) return forget(feed);
  if (feed->state() != RunFeed::State::lagging) return (void)lagging_.erase(feed);
  lagging_.insert(feed);
  if (!catching_up_) catching_up_ = parts_.loop.every(kCatchUpPeriod, [this] { catch_up(); });
}

void RunStreams::forget(const std::shared_ptr<RunFeed>& feed) {
  const auto known = feeds_.find(feed);
  if (known == feeds_.end()) return;
  const auto count = of_users_.find(user_of(known->second->viewer));
  if (count != of_users_.end() && --count->second == 0) of_users_.erase(count);
  feed->reading.reset();
  lagging_.erase(feed);
  feeds_.erase(known);
}

void RunStreams::cut(const std::vector<std::shared_ptr<RunFeed>>& feeds) {
  for (const auto& feed : feeds) feed->cut();
}

void RunStreams::catch_up() {
  const std::vector<std::shared_ptr<RunFeed>> lagging(lagging_.begin(), lagging_.end());
  for (const auto& feed : lagging) feed->catch_up();
  if (lagging_.empty()) catching_up_.reset();
}

void RunStreams::sweep() {
  const WallTime now = parts_.loop.wall_now();
  std::vector<std::shared_ptr<RunFeed>> over;
  for (const auto& [feed, ask] : feeds_) {
    const Session* const session = ask->viewer.session.get();
    if (session && session->status_at(now) != SessionStatus::active) over.push_back(feed);
  }
  cut(over);
  if (parts_.loop.now() - kept_alive_at_ < kKeepAlivePeriod) return;
  kept_alive_at_ = parts_.loop.now();
  for (const auto& [feed, ask] : feeds_) feed->keep_alive();
}

void RunStreams::on_session_changed(const SessionPtr& session) {
  const bool is_active = session->status_at(parts_.loop.wall_now()) == SessionStatus::active;
  std::vector<std::shared_ptr<RunFeed>> over;
  for (const auto& [feed, ask] : feeds_) {
    SessionPtr& known = ask->viewer.session;
    if (!known || known->key != session->key) continue;
    known = session;
    // One that is not answered yet is looked at then.
    const Run* const run = feed->reading.run();
    if (!is_active || (run && !may_see(ask->viewer, run->record))) over.push_back(feed);
  }
  cut(over);
}

void RunStreams::cut_all() {
  closed_ = true;
  std::vector<std::shared_ptr<RunFeed>> open;
  for (const auto& [feed, ask] : feeds_) open.push_back(feed);
  cut(open);
}

// The number of 20 s intervals since 2024-10-09, and always above the client's own.
uint64_t RunStreams::stream_cursor(uint64_t of_client) const {
  constexpr std::chrono::seconds kSince{1'728'432'000};
  const auto passed = parts_.loop.wall_now().time_since_epoch() - kSince;
  const auto now = static_cast<uint64_t>(std::max<int64_t>(passed / 20s, 0));
  return now > of_client ? now : of_client + 1;
}

}  // namespace gw::http_api
