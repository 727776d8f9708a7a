#include "post_office/webhooks/run_writer.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "post_office/run_requests.h"

namespace gw {
namespace {

constexpr Duration kPauseFrom = 50ms, kPauseTo = 2s;
constexpr Duration kPatience = 20s;  // with an engine that does not answer

RunEnd failed(std::string code, std::string message) {
  return {RunStatus::failed, RunError{std::move(code), std::move(message)}};
}

}  // namespace

RunWriter::RunWriter(EventLoop& loop, RunStore& runs, Claim claim, Events events)
    : loop_(loop), runs_(runs), claim_(std::move(claim)), events_(std::move(events)), since_(loop.now()) {}

void RunWriter::claim() {
  runs_.claim(claim_.run_id, claim_.reach, claim_.claim, guarded(&RunWriter::on_claimed));
}

void RunWriter::on_claimed(const RunResult<RunClaimed>& claimed) {
  if (!claimed) {
    const RunErrc code = claimed.error().code;
    if (code != RunErrc::unavailable && code != RunErrc::rate_limited) return be_over(Over::refused);
    return try_again(claimed.error().retry_after, [this] { claim(); });
  }
  state_ = State::open;
  epoch_ = claimed->epoch;
  beats_ = loop_.every(claim_.claim.lease / 4, [this] { beat(); });
  pump();
}

void RunWriter::say(std::string_view piece, bool is_item) {
  if (state_ == State::over || end_) return;
  Piece& added = unsent_.emplace_back();
  added.is_item = is_item;
  if (is_item) {
    append_item(added.bytes, piece);
  } else {
    added.bytes = piece;
  }
  unsent_bytes_ += added.bytes.size();
  pump();
}

void RunWriter::finish(RunEnd end) {
  if (state_ == State::over || end_) return;
  end_ = std::move(end);
  pump();
}

void RunWriter::pump() {
  if (state_ != State::open || batch_ || (unsent_.empty() && !end_)) return;
  batch_ = next_batch();
  since_ = loop_.now();
  pause_ = {};
  send();
}

// As much of one kind as an append takes.
RunAppend RunWriter::next_batch() {
  RunAppend batch;
  batch.producer = claim_.claim.producer;
  batch.epoch = epoch_;
  batch.seq = seq_;
  size_t count = 0;
  while (!unsent_.empty() && count < RunLimits::kAppendItems) {
    Piece& piece = unsent_.front();
    const RunFormat format = piece.is_item ? RunFormat::json : RunFormat::text;
    if (batch.format.value_or(format) != format) break;
    const size_t room = RunLimits::kAppendBytes - batch.bytes.size();
    const std::string_view taken =
        piece.is_item ? std::string_view(piece.bytes) : utf8_prefix(piece.bytes, room);
    // One that is too large alone is refused as such.
    if (count > 0 && (taken.empty() || taken.size() > room)) break;
    batch.format = format;
    batch.bytes.append(taken);
    unsent_bytes_ -= taken.size();
    ++count;
    piece.bytes.erase(0, taken.size());
    if (piece.bytes.empty()) unsent_.pop_front();
  }
  if (unsent_.empty()) batch.end = end_;
  return batch;
}

void RunWriter::send() {
  runs_.append(claim_.run_id, claim_.reach, *batch_, guarded(&RunWriter::on_appended));
}

void RunWriter::on_appended(const RunResult<RunAppended>& appended) {
  if (!appended) return on_refused(appended.error());
  const bool ended = batch_->end.has_value();
  batch_.reset();
  ++seq_;
  if (ended) return be_over(Over::ended);
  const auto alive = std::weak_ptr<int>(alive_);
  on_cancel_requested(appended->cancel_requested);
  if (alive.expired()) return;
  pump();
  if (!batch_ && !end_) events_.on_room();
}

void RunWriter::on_refused(const RunRefusal& refusal) {
  switch (refusal.code) {
    case RunErrc::unavailable:
    case RunErrc::rate_limited:
    case RunErrc::resource_exhausted: return try_again(refusal.retry_after, [this] { send(); });
    case RunErrc::too_large:
      end_ = failed("answer_too_large", "the answer is larger than its run may be");
      break;
    case RunErrc::invalid_argument:
    case RunErrc::mixed_framing: end_ = failed("invalid_answer", refusal.detail); break;
    default: return be_over(Over::lost);
  }
  // It can be told so once; who cannot even store that has no run.
  if (batch_->bytes.empty()) return be_over(Over::lost);
  unsent_.clear();
  unsent_bytes_ = 0;
  batch_.reset();
  pump();
}

void RunWriter::beat() {
  runs_.heartbeat(claim_.run_id, claim_.reach, {claim_.claim.producer, epoch_},
                  [this, alive = std::weak_ptr<int>(alive_)](const RunResult<RunBeat>& beat) {
                    if (alive.expired() || state_ == State::over) return;
                    if (beat) return on_cancel_requested(beat->cancel_requested);
                    const RunErrc code = beat.error().code;
                    if (code != RunErrc::unavailable && !batch_) be_over(Over::lost);
                  });
}

void RunWriter::on_cancel_requested(bool is_requested) {
  if (!is_requested || std::exchange(is_cancelled_, true) || end_) return;
  events_.on_cancelled();
}

void RunWriter::try_again(Duration least, std::function<void()> what) {
  if (loop_.now() - since_ > kPatience) return be_over(Over::uncertain);
  pause_ = std::clamp(2 * pause_, kPauseFrom, kPauseTo);
  again_ = loop_.after(std::max(pause_, least), std::move(what));
}

void RunWriter::be_over(Over how) {
  if (state_ == State::over) return;
  state_ = State::over;
  again_.reset();
  beats_.reset();
  events_.on_over(how);
}

}  // namespace gw
