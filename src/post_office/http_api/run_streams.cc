#include "post_office/http_api/run_streams.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "net/http/query.h"
#include "post_office/fields.h"
#include "post_office/http_api/log_answers.h"
#include "post_office/http_api/run_bodies.h"
#include "post_office/http_api/run_feed.h"
#include "post_office/http_api/run_poll.h"

namespace gw::http_api {
namespace {

enum class Live : uint8_t { no, events, poll };

// Empty: there is no such word.
std::optional<Live> live_of(const http::Request& request, std::string_view live) {
  if (live == "sse") return Live::events;
  if (live == "long-poll") return Live::poll;
  if (!live.empty()) return {};
  const bool wants_events =
      request.field("Accept").value_or("").find("text/event-stream") != std::string_view::npos;
  return wants_events ? Live::events : Live::no;
}

// Of the protocol's caches. What is none, or has none above it, is taken for 0.
uint64_t stream_cursor_in(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_it = error == std::errc() && end == text.data() + text.size();
  return is_it && number < std::numeric_limits<uint64_t>::max() ? number : 0;
}

// Whether it is given, with a value or without.
bool names(const http::Request& request, std::string_view parameter) {
  const auto query = http::Query::parse(request.query);
  return query && query->get(parameter);
}

}  // namespace

// What a request asked for, while it is found out who asks.
struct RunStreams::Ask {
  explicit Ask(http::Responder asker) : responder(std::move(asker)) {}

  http::Responder responder;
  std::string run_id = {};
  RunCaller caller = {};
  Live live = Live::no;
  bool is_head = false;
  std::string if_none_match = {};
  bool from_now = false;
  bool must_have_place = false;     // the protocol asks for an offset that is not there
  bool is_event_id = false;         // the place is an EventSource's, which has no other way to be told
  bool had_end = false;             // and it was told the end
  bool has_place = false;           // else from the start
  std::optional<RunCursor> cursor;  // of the place; absent: it is none
  uint64_t stream_cursor = 0;       // of Durable Streams' caches
};

// --- Who asks, and for what -------------------------------------------------------------------------------

// False: what is given as an offset is none.
bool RunStreams::read_place(Ask& ask, const http::Request& request, const std::string& offset) {
  std::string_view event_id = trim_blanks(request.field("Last-Event-ID").value_or(""));
  ask.is_event_id = ask.live == Live::events && !event_id.empty();
  if (ask.is_event_id) {
    ask.must_have_place = false;
    ask.had_end = event_id.ends_with(kEndSuffix);
    if (ask.had_end) event_id.remove_suffix(kEndSuffix.size());
    ask.has_place = true;
    ask.cursor = RunCursor::parse(event_id);
    return true;
  }
  ask.from_now = offset == "now";
  if (ask.from_now || offset == "-1") return true;
  if (offset.empty()) return !names(request, "offset");
  ask.has_place = true;
  ask.cursor = RunCursor::parse(offset);
  return ask.cursor.has_value();
}

void RunStreams::get(ApiRequest call) {
  const http::Request& request = call.request;
  QueryFields fields(request.query);
  const std::string live = fields.optional_text("live").value_or("");
  const std::string offset = fields.optional_text("offset").value_or("");
  const std::string cache = fields.optional_text("cursor").value_or("0");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  const auto wanted = live_of(request, live);
  if (!wanted) return refuse(call.responder, Error{Errc::invalid_argument, "live must be sse or long-poll"});

  const auto ask = std::make_shared<Ask>(call.responder);
  if (const Result<std::string> id = path_parameter(request, "id")) ask->run_id = *id;
  ask->live = *wanted;
  ask->is_head = request.method == "HEAD";
  ask->if_none_match = request.field("If-None-Match").value_or("");
  ask->must_have_place = !live.empty() && !names(request, "offset");
  ask->stream_cursor = stream_cursor_in(cache);
  if (!read_place(*ask, request, offset))
    return refuse(ask->responder, Error{Errc::invalid_argument, "offset must be a cursor, -1 or now"});
  parts_.callers.identify(request, std::move(call.responder), [this, ask](const RunCaller& caller) {
    ask->caller = caller;
    read(ask);
  });
}

namespace {

const RunReach kAll{.streams = true};

http::Response no_place() {
  return refusal(Error{Errc::invalid_argument, "offset is required: a cursor, -1 or now"});
}

}  // namespace

// --- Answers ----------------------------------------------------------------------------------------------

void RunStreams::read(const std::shared_ptr<Ask>& ask) {
  if (!is_valid_run_id(ask->run_id)) return ask->responder.send(no_such_log());
  if (ask->must_have_place && ask->live == Live::poll) return ask->responder.send(no_place());
  if (ask->live != Live::no && !ask->is_head) return follow(ask);
  if (ask->from_now || ask->has_place) return read_tail(ask);
  if (ask->is_head) return read_head(ask);
  parts_.runs.find(ask->run_id, kAll, [this, ask](const RunResult<const Run*>& run) {
    if (!run) return refuse(ask->responder, run.error());
    if (!parts_.callers.may_see(ask->caller, (*run)->record)) return ask->responder.send(no_such_log());
    answer_bytes(*ask, **run);
  });
}

// Of a log from its start nothing but its end is asked for.
void RunStreams::read_head(const std::shared_ptr<Ask>& ask) {
  parts_.runs.find_tail(ask->run_id, kAll, std::nullopt, [this, ask](const RunResult<RunTail>& tail) {
    if (!tail) return refuse(ask->responder, tail.error());
    if (!parts_.callers.may_see(ask->caller, tail->record)) return ask->responder.send(no_such_log());
    if (tail->is_expired && tail->top.pos > 0) return ask->responder.send(log_expired());
    send_bytes(*ask, tail->record, tail->top, 0, {});
  });
}

// What stands before the place is not asked for.
void RunStreams::read_tail(const std::shared_ptr<Ask>& ask) {
  const auto cursor = ask->from_now ? std::nullopt : ask->cursor;
  parts_.runs.find_tail(ask->run_id, kAll, cursor, [this, ask](const RunResult<RunTail>& tail) {
    if (!tail) return refuse(ask->responder, tail.error());
    if (!parts_.callers.may_see(ask->caller, tail->record)) return ask->responder.send(no_such_log());
    const bool loses = resumed_run(tail->record, tail->resume, ask->cursor).loses;
    // Where the bytes are gone nobody knows whether the place was one of theirs.
    if (tail->is_expired && (loses || tail->resume.pos < tail->top.pos))
      return ask->responder.send(log_expired());
    if (loses) return ask->responder.send(cursor_mismatch());
    const uint64_t from = ask->from_now ? tail->top.pos : std::min(tail->resume.pos, tail->top.pos);
    send_bytes(*ask, tail->record, tail->top, from, tail->bytes);
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
  const uint64_t from = std::min(start.pos, run.log.bytes_here());
  send_bytes(ask, run.record, top_of(run), from, run.log.bytes(from, run.log.bytes_here()));
}

void RunStreams::send_bytes(Ask& ask, const RunRecord& run, const RunTop& top, uint64_t from,
                            std::string_view bytes) const {
  touch(ask, run);
  const std::string etag = ask.from_now ? std::string() : log_etag(from, top);
  const bool has_it = !etag.empty() && is_known(ask.if_none_match, etag);
  http::Response response = log_answer(run, top, has_it ? std::string_view() : bytes);
  if (!etag.empty()) response.header("ETag", etag);
  if (has_it) {
    response.status = 304;
    response.body.clear();
  }
  ask.responder.send(std::move(response));
}

// Who reads a plain stream keeps it, and who looks does not.
void RunStreams::touch(const Ask& ask, const RunRecord& run) const {
  if (run.rare->stream && !ask.is_head) parts_.streams.touch_stream(run);
}

std::shared_ptr<RunFollower> RunStreams::make_follower(const Ask& ask, RunFollower::Settle settle) {
  const auto cursor = [this, of_client = ask.stream_cursor] { return stream_cursor(of_client); };
  if (ask.live == Live::poll)
    return std::make_shared<RunPoll>(ask.responder, std::move(settle), cursor, parts_.loop, poll_wait_);
  return std::make_shared<RunFeed>(std::make_unique<DurableOutlet>(ask.responder, cursor), std::move(settle),
                                   parts_.readers.lag_bytes());
}

void RunStreams::follow(const std::shared_ptr<Ask>& ask) {
  const auto make = [this, ask](RunFollower::Settle settle) {
    return make_follower(*ask, std::move(settle));
  };
  const auto place = [this, ask](const Run& run) { return place_of(*ask, run); };
  parts_.readers.follow({ask->caller, ask->run_id, make, place, no_such_log()});
}

std::variant<RunStart, http::Response> RunStreams::place_of(const Ask& ask, const Run& run) const {
  if (run.record.rare->stream && ask.must_have_place) return no_place();
  touch(ask, run.record);
  if (ask.had_end && is_over(run.record.status)) {
    // The one answer after which an EventSource does not come back.
    http::Response nothing;
    nothing.status = 204;
    nothing.content_type = {};
    return nothing;
  }
  RunStart start;
  if (auto refused = find_start(ask, run, start)) return *std::move(refused);
  return start;
}

// The number of 20 s intervals since 2024-10-09, and always above the client's own.
uint64_t RunStreams::stream_cursor(uint64_t of_client) const {
  constexpr std::chrono::seconds kSince{1'728'432'000};
  const auto passed = parts_.loop.wall_now().time_since_epoch() - kSince;
  const auto now = static_cast<uint64_t>(std::max<int64_t>(passed / 20s, 0));
  return now > of_client ? now : of_client + 1;
}

}  // namespace gw::http_api
