#include "post_office/http_api/run_feed.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "post_office/http_api/api_request.h"
#include "post_office/http_api/log_answers.h"

namespace gw::http_api {
namespace {

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

}  // namespace

void RunFeed::begin(const Run& run, const RunStart& start) {
  if (!outlet_->begin(run)) {
    outlet_->drop();
    return become(State::ended);
  }
  outlet_->on_close([this] { become(State::ended); });
  state_ = State::open;
  at_ = cursor_at(run, start.pos);
  if (!start.reset_cause.empty() && !outlet_->add_reset(at_, start)) return cut();
  advance(run, true);
}

void RunFeed::refuse(http::Response response) {
  outlet_->refuse(std::move(response));
  become(State::ended);
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
  const bool must_compare = at_.epoch != run.record.epoch || std::exchange(must_compare_, false);
  const RunStart start = must_compare ? resume_run(run, at_) : RunStart{at_.pos};
  if (run.log.is_expired() && start.pos < run.log.size()) return cut();
  // Readers of plain streams know no reset: who comes back is told 410.
  if (start.loses && run.record.rare->stream) return cut();
  if (must_compare) at_ = cursor_at(run, start.pos);
  if (!start.reset_cause.empty() && !outlet_->add_reset(at_, start)) return cut();
  const bool has_told = add_pieces(run);
  const bool has_all = at_.pos == run.log.size();
  const bool is_last = has_all && is_over(run.record.status);
  if (first && !has_told && !is_last) outlet_->add_nothing(at_, has_all);
  if (is_last) outlet_->add_end(run);
  if (!outlet_->flush()) return cut();
  if (is_last) {
    outlet_->close();
    return become(State::ended);
  }
  if (const State next = has_all ? State::open : State::lagging; next != state_) become(next);
}

bool RunFeed::add_pieces(const Run& run) {
  const uint64_t begin = at_.pos;
  std::string room;
  while (at_.pos < run.log.size() && outlet_->unsent_bytes() < lag_bytes_) {
    const RunCursor from = at_;
    at_ = cursor_at(run, piece_end(run, from.pos, is_slow_ ? kSlowPieceBytes : kPieceBytes));
    ASSERT(at_.pos > from.pos);
    const std::string_view bytes = run.log.view(from.pos, at_.pos, room);
    outlet_->add_bytes(from, at_, run.record, bytes, at_.pos == run.log.size());
  }
  return at_.pos > begin;
}

void RunFeed::catch_up() {
  if (state_ != State::lagging) return;
  if (outlet_->unsent_bytes() > 0) {
    is_slow_ = true;
    return;
  }
  if (const Run* const run = reading.run()) return advance(*run);
  cut();
}

void RunFeed::keep_alive() {
  if (state_ == State::open || state_ == State::lagging) outlet_->keep_alive();
}

void RunFeed::cut() {
  if (state_ == State::ended) return;
  if (state_ == State::unanswered) {
    return refuse(refusal(Error{Errc::unavailable, "the gateway is about to end"}));
  }
  outlet_->drop();
  become(State::ended);
}

}  // namespace gw::http_api
