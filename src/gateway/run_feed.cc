#include "gateway/run_feed.h"

#include "base/assert.h"
#include "protocol/server_message.h"

namespace gw {

void RunAttachments::Feed::on_opened(const RunResult<const Run*>& result) {
  const Run* const run = result ? *result : nullptr;
  if (run) {
    const RunRecord& record = run->record;
    scope_ = std::make_shared<const RunScope>(
        RunScope{run_id_, record.channel, record.audience, record.push, record.created_at});
    told_epoch_ = run->record.epoch;
    told_pos_ = run->log.size();
  }
  const RunErrc why = run ? RunErrc::unavailable : result ? RunErrc::not_found : result.error().code;
  for (const Opened& opened : std::exchange(waiting_, {})) opened(run ? this : nullptr, run, why);
}

void RunAttachments::Feed::add_reader(uint32_t shard) {
  ++readers_[shard];
  ++count_;
  behind_[shard] = false;
}

void RunAttachments::Feed::remove_reader(uint32_t shard) {
  ASSERT(readers_[shard] > 0);
  --readers_[shard];
  --count_;
}

void RunAttachments::Feed::on_run_changed(const Run& run, const RunChange& change) {
  if (!is_open()) return;
  switch (change.kind) {
    case RunChange::Kind::append: return tell_bytes(run, change);
    case RunChange::Kind::epoch: return tell_epoch(run, change);
    case RunChange::Kind::cancel: return send_top(run);
    case RunChange::Kind::end:
      // By the gateway: that is an epoch of its own.
      tell_epoch(run, change);
      if (!change.bytes.empty()) tell_bytes(run, change);
      return tell_end(run, RunStep::Kind::end);
    case RunChange::Kind::reloaded: return tell_moved(run);
    case RunChange::Kind::removed: return tell_gone(run);
  }
}

void RunAttachments::Feed::tell_bytes(const Run& run, const RunChange& change) {
  const uint64_t to = change.from + change.bytes.size();
  const bool is_told = change.epoch < told_epoch_ || (change.epoch == told_epoch_ && to <= told_pos_);
  if (is_told) return;
  const bool fits = change.epoch == told_epoch_ && change.epoch == run.record.epoch &&
                    change.from == told_pos_ && !run.log.is_expired() && to <= run.log.size();
  if (!fits) return tell_moved(run);
  while (told_pos_ < to) {
    const RunTold told =
        owner_.messages_.delta(run, told_pos_, to, owner_.options_.pieces, owner_.parts_.loop.wall_now());
    post({RunStep::Kind::delta, told_pos_, told.after}, told.json);
    told_pos_ = told.after.pos;
  }
}

void RunAttachments::Feed::tell_epoch(const Run& run, const RunChange& change) {
  if (change.epoch <= told_epoch_) return;
  const bool fits = change.epoch == run.record.epoch && change.from <= told_pos_ && !run.log.is_expired() &&
                    change.from <= run.log.size();
  if (!fits) return tell_moved(run);
  const RunTold told = owner_.messages_.reset(run, change.from, told_pos_, owner_.parts_.loop.wall_now());
  post({RunStep::Kind::reset, 0, told.after}, told.json);
  told_epoch_ = change.epoch;
  told_pos_ = change.from;
}

void RunAttachments::Feed::tell_end(const Run& run, RunStep::Kind kind) {
  const RunTold told = owner_.messages_.end(run, owner_.parts_.loop.wall_now());
  post({kind, 0, told.after}, told.json);
}

void RunAttachments::Feed::tell_gone(const Run& run) {
  if (is_over(run.record.status)) return tell_end(run, RunStep::Kind::gone);
  // Nobody knows how it would have ended: the engine has lost it.
  std::string message;
  protocol::append_detached(message, run_id_, "unknown_run", {}, owner_.parts_.loop.wall_now());
  post({RunStep::Kind::gone, 0, {}}, message);
}

// Readers compare what they have, each by itself.
void RunAttachments::Feed::tell_moved(const Run& run) {
  told_epoch_ = run.record.epoch;
  told_pos_ = run.log.size();
  post({RunStep::Kind::moved, 0, {}}, {});
}

void RunAttachments::Feed::send_top(const Run& run) {
  post({RunStep::Kind::top, 0, {}}, owner_.messages_.top(run, owner_.now()));
}

void RunAttachments::Feed::post(const RunStep& step, std::string_view message) {
  FramePtr frame;
  for (uint32_t shard = 0; shard < readers_.size(); ++shard) {
    if (readers_[shard] == 0) continue;
    // A shard that is behind is not given more: its readers ask when it gets to them.
    if (owner_.parts_.is_behind(shard) && step.kind != RunStep::Kind::gone) {
      if (behind_[shard]) continue;
      behind_[shard] = true;
      owner_.parts_.post(shard, command::RunChanged{scope_, {RunStep::Kind::moved, 0, {}}, nullptr}, 0);
      continue;
    }
    if (!frame && !message.empty()) frame = owner_.parts_.make_frame(message);
    owner_.parts_.post(shard, command::RunChanged{scope_, step, frame}, message.size());
  }
}

}  // namespace gw
