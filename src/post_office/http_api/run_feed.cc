#include "post_office/http_api/run_feed.h"

#include <algorithm>
#include <utility>

#include "post_office/http_api/api_request.h"
#include "post_office/http_api/log_answers.h"

namespace gw::http_api {
namespace {

constexpr std::string_view kKeepAlive = ": ka\n\n";
// Of one event, and of one for a reader that was too slow.
constexpr size_t kPieceBytes = size_t{16} << 10, kSlowPieceBytes = size_t{4} << 10;

// Whole items, and never half a character.
uint64_t piece_end(const Run& run, uint64_t from, size_t bytes_max) {
  const uint64_t to = std::min<uint64_t>(from + bytes_max, run.log.size());
  const StreamKind kind = kind_of(run.record);
  if (kind == StreamKind::binary) return to;
  if (kind == StreamKind::text) return run.log.piece_end(from, to, false);
  const uint64_t end = run.log.piece_end(from, to, true);
  if (end == run.log.size() || (end > from && run.log.ends_line(end))) return end;
  // One item that is larger than a piece.
  return run.log.line_end(to).value_or(run.log.size());
}

http::Response stream_head(const Run& run) {
  http::Response head;
  head.content_type = "text/event-stream";
  head.cache_control = "no-cache, no-transform";
  head.header("X-Accel-Buffering", "no");  // nginx would hold events back
  if (run.record.rare->stream) {
    if (kind_of(run.record) == StreamKind::binary) head.header("Stream-SSE-Data-Encoding", "base64");
  } else {
    head.header("Run-Status", to_string(run.record.status)).header("Run-Hash", run.log.hash().text());
  }
  return head;
}

}  // namespace

void RunFeed::begin(const Run& run, const RunStart& start) {
  stream_ = responder_.stream(stream_head(run));
  // It may have left meanwhile, and a HEAD request never stays.
  if (!stream_.is_open()) return become(State::ended);
  stream_.on_close([this] { become(State::ended); });
  state_ = State::open;
  at_ = cursor_at(run, start.pos);
  std::string out = ": run\n\n";
  if (!start.reset_cause.empty()) append_reset_event(out, at_, start.reset_cause);
  stream_.write(out);
  advance(run, true);
}

void RunFeed::on_run_changed(const Run& run, const RunChange& change) {
  if (state_ != State::open && state_ != State::lagging) return;
  if (change.kind == RunChange::Kind::removed) return cut();
  if (change.kind == RunChange::Kind::reloaded) must_compare_ = true;
  if (state_ == State::open) advance(run);
}

// Gives what there is, as far as there is room, once it has been told where it stands: the run may have
// another epoch, or the engine has come back with other data. `first`: a reader for whom there is nothing is
// told so.
void RunFeed::advance(const Run& run, bool first) {
  std::string out;
  const bool must_compare = at_.epoch != run.record.epoch || std::exchange(must_compare_, false);
  const RunStart start = must_compare ? resume_run(run, at_) : RunStart{at_.pos};
  if (run.log.is_expired() && start.pos < run.log.size()) return cut();
  if (must_compare) at_ = cursor_at(run, start.pos);
  if (!start.reset_cause.empty()) append_reset_event(out, at_, start.reset_cause);
  const bool has_told = append_pieces(run, out);
  const bool has_all = at_.pos == run.log.size();
  const bool is_last = has_all && is_over(run.record.status);
  if (first && !has_told && !is_last) append_control_event(out, at_, stream_cursor_(), has_all);
  if (is_last) append_end_event(out, run);
  if (!stream_.write(out)) return cut();
  if (is_last) {
    stream_.close();
    return become(State::ended);
  }
  if (const State next = has_all ? State::open : State::lagging; next != state_) become(next);
}

bool RunFeed::append_pieces(const Run& run, std::string& out) {
  const uint64_t begin = at_.pos;
  std::string room;
  while (at_.pos < run.log.size() && stream_.buffered_bytes() + out.size() < lag_bytes_) {
    const uint64_t from = at_.pos;
    at_ = cursor_at(run, piece_end(run, from, is_slow_ ? kSlowPieceBytes : kPieceBytes));
    append_data_event(out, at_, kind_of(run.record), run.log.view(from, at_.pos, room));
    append_control_event(out, at_, stream_cursor_(), at_.pos == run.log.size());
  }
  return at_.pos > begin;
}

void RunFeed::catch_up() {
  if (state_ != State::lagging) return;
  if (stream_.buffered_bytes() > 0) {
    is_slow_ = true;
    return;
  }
  if (const Run* const run = reading.run()) return advance(*run);
  cut();
}

void RunFeed::keep_alive() {
  if (stream_.is_open() && stream_.buffered_bytes() == 0) stream_.write(kKeepAlive);
}

void RunFeed::cut() {
  if (state_ == State::ended) return;
  if (state_ == State::unanswered) {
    return refuse(refusal(Error{Errc::unavailable, "the gateway is about to end"}));
  }
  stream_.drop();
  become(State::ended);
}

}  // namespace gw::http_api
