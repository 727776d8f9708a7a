#include "engine/redis/run_appends.h"

#include <algorithm>

#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

constexpr Duration kKept = RunLimits::kLeaseMax;
constexpr int kTriesMax = 3;
// What the script answers where it would have stored a batch: why stands with the batch.
constexpr std::string_view kRefused = "rate_limited";

}  // namespace

RunAppends::RunAppends(const Parts& parts, Events events)
    : parts_(parts),
      events_(std::move(events)),
      limit_{parts.calls.options().limits.appends_per_second, parts.calls.options().limits.appends_burst},
      trims_(parts.calls) {}

RunAppends::Ptr RunAppends::owner(const std::string& run_id) {
  Ptr& owner = owners_[run_id];
  if (!owner) owner = std::make_shared<Owner>(run_id, limit_, parts_.loop.now());
  owner->heard_at = parts_.loop.now();
  return owner;
}

void RunAppends::tick(TimePoint now) {
  std::erase_if(owners_, [now](const auto& one) {
    const Owner& owner = *one.second;
    return owner.queue.empty() && owner.sent + owner.aside == 0 && now - owner.heard_at > kKept;
  });
}

void RunAppends::append(const std::string& run_id, const RunReach& reach, RunAppend append,
                        RunDone<RunAppended> done) {
  const Ptr its = owner(run_id);
  Batch batch{reach, std::make_shared<const RunAppend>(std::move(append)), std::move(done), ++its->came};
  const bool is_strange = its->aside > 0 || (its->is_known && refuse_as_read(its->run, batch));
  if (is_strange) return look_aside(its, std::move(batch));
  its->queue.push_back(std::move(batch));
  pump(its);
}

// It may be what was read that is old. If not, whoever asks in vain has held up nobody; if so, those that
// come meanwhile look, too, and so stay behind it.
void RunAppends::look_aside(const Ptr& owner, Batch batch) {
  ++owner->aside;
  batch.is_looked_at = true;
  const auto looking = std::make_shared<Batch>(std::move(batch));
  parts_.calls.read(owner->run_id, kNoLog, [this, owner, looking](RunResult<StoredRun> stored) {
    --owner->aside;
    if (!stored) return looking->done(stored.error());
    if (const auto refusal = refuse_as_read(*stored, *looking)) return looking->done(*refusal);
    if (!owner->is_known || owner->run.owner != stored->owner) take(*owner, std::move(*stored));
    owner->queue.push_back(std::move(*looking));
    pump(owner);
  });
}

// What is asked may be answered within the call: then the loop goes on, however many wait.
void RunAppends::pump(const Ptr& owner) {
  if (std::exchange(owner->is_pumping, true)) return;
  while (owner->may_step()) step(owner);
  owner->is_pumping = false;
}

void RunAppends::step(const Ptr& owner) {
  if (!owner->is_known) return learn(owner);
  Batch& next = owner->queue.front();
  if (const auto refusal = refuse_as_read(owner->run, next)) {
    // It may be what was read that is old.
    if (!next.is_looked_at) return learn(owner);
    return answer_first(owner, *refusal);
  }
  if (is_framed(owner->run.record.format)) frame(*owner, next);
  const uint64_t size = next.size();
  const bool fits = size == 0 || owner->bounds.empty() || owner->pos + size <= owner->reserved;
  // Larger than the run may be: that is what it is told.
  if (fits || owner->pos + size > owner->run.record.bytes_max) return send(owner);
  reserve(owner, owner->pos + size);
}

// What the script need not look at: it is so for as long as the run has that owner.
std::optional<RunRefusal> RunAppends::refuse_as_read(const StoredRun& run, const Batch& batch) {
  const RunRecord& record = run.record;
  const RunAppend& append = *batch.append;
  if (!reaches(batch.reach, record)) return run_not_found();
  const bool is_producer = append.any_producer || append.producer == record.producer;
  RunRefusal refusal;
  if (record.claim_epoch == 0 || !is_producer || append.epoch != record.claim_epoch) {
    refusal = refuse(RunErrc::fenced, "another claim of the run came after this one");
    refusal.epoch = record.claim_epoch;
  } else if (append.format && !takes(record.format, *append.format)) {
    refusal = refuse(RunErrc::invalid_argument, "the run takes another format");
  } else {
    return {};
  }
  refusal.run = top_of(run);
  return refusal;
}

// Whether it is framed stands in the record: then the log is read, too, where this instance has not got it.
void RunAppends::learn(const Ptr& owner) {
  owner->is_asking = true;
  owner->queue.front().is_looked_at = true;
  const uint64_t from = is_framed(owner->run.record.format) ? owner->fold.pos() : kNoLog;
  parts_.calls.read(owner->run_id, from, [this, owner](RunResult<StoredRun> stored) {
    owner->is_asking = false;
    if (stored) {
      take(*owner, std::move(*stored));
    } else {
      answer_first(owner, stored.error());
    }
    const bool is_idle = owner->queue.empty() && owner->sent + owner->aside == 0;
    if (!stored && stored.error().code == RunErrc::not_found && is_idle) owners_.erase(owner->run_id);
    pump(owner);
  });
}

void RunAppends::take(Owner& owner, StoredRun run) const {
  // One whose log is not what its record says gets no further, and is told so when the script has looked.
  owner.is_known = !is_framed(run.record.format) || owner.fold.take(run) || run.from == 0 || run.is_expired;
  owner.pos = run.pos;
  if (owner.run.owner != run.owner) owner.reserved = 0;
  owner.bounds.clear();
  const RunRecord& record = run.record;
  if (!is_over(record.status))
    owner.bounds = bounds_of(run_user(record.audience, record.rare->asked_by), record.realm);
  owner.run = std::move(run);
}

// A batch that is not the next one was stored before, or comes too early or too late: the script says which.
void RunAppends::frame(const Owner& owner, Batch& batch) {
  const auto& framing = owner.fold.framing();
  if (batch.framed && framing && batch.framed_at == framing->pos()) return;
  batch.framed.reset();
  batch.misframed.reset();
  batch.framed_at = owner.fold.pos();
  if (!framing || is_over(owner.run.record.status) || batch.append->seq != owner.fold.next_seq()) return;
  auto framed = run::frame(*framing, *batch.append, owner.run.record.bytes_max);
  if (framed) {
    batch.framed = std::move(*framed);
  } else {
    batch.misframed = framed.error();
  }
}

void RunAppends::answer_first(const Ptr& owner, const RunRefusal& refusal) {
  const RunDone<RunAppended> done = std::move(owner->queue.front().done);
  owner->queue.pop_front();
  done(refusal);
}

// --- Room -------------------------------------------------------------------------------------------------

std::vector<RunBound> RunAppends::bounds_of(const std::string& user, const std::string& realm) const {
  std::vector<RunBound> bounds = parts_.index.bounds_of(user, realm);
  std::erase_if(bounds, [](const RunBound& bound) { return bound.bytes_most == 0; });
  return bounds;
}

void RunAppends::reserve(const Ptr& owner, uint64_t needed) {
  owner->is_asking = true;
  const auto room = std::make_shared<Room>();
  room->waits = owner->bounds.size();
  for (const RunBound& bound : std::vector(owner->bounds)) {
    parts_.index.reserve(owner->run_id, bound, needed,
                         [this, owner, bound, room](const Result<RunIndex::Reserved>& reserved) {
                           on_reserved(bound, reserved, *room);
                           if (--room->waits > 0) return;
                           owner->is_asking = false;
                           if (!room->none) owner->reserved = room->granted;
                           // What was heard meanwhile may have put another batch first.
                           if (owner->is_known) {
                             owner->queue.front().no_room = room->none;
                             send(owner);
                           }
                           pump(owner);
                         });
  }
}

void RunAppends::on_reserved(const RunBound& bound, const Result<RunIndex::Reserved>& reserved, Room& room) {
  if (!reserved) {
    room.none = unavailable(reserved.error());
    return;
  }
  if (reserved->bytes == 0) room.none = refuse(bound.refusal, "the runs have all the bytes that they may");
  room.granted = std::min(room.granted, reserved->bytes);
  parts_.calls.expire(reserved->expired);
}

void RunAppends::claimed(const std::string& run_id, std::optional<uint64_t> cut_to, const std::string& user,
                         const std::string& realm) {
  const Ptr its = owner(run_id);
  its->is_known = false;
  if (!cut_to) return;
  for (const RunBound& bound : bounds_of(user, realm))
    parts_.index.reserve(run_id, bound, *cut_to, [](const Result<RunIndex::Reserved>&) {});
}

// --- What is sent -----------------------------------------------------------------------------------------

void RunAppends::send(const Ptr& owner) {
  // It may be another than was framed before there was room.
  if (is_framed(owner->run.record.format)) frame(*owner, owner->queue.front());
  const auto batch = std::make_shared<const Batch>(std::move(owner->queue.front()));
  owner->queue.pop_front();
  ++owner->sent;
  owner->pos += batch->bytes().size();
  ask(owner, *batch, [this, owner, batch](const Result<RunAnswer>& answer) {
    --owner->sent;
    if (answer) {
      on_answer(owner, *batch, *answer);
    } else {
      owner->is_known = false;
      batch->done(unavailable(answer.error()));
    }
    pump(owner);
  });
}

void RunAppends::ask(const Ptr& owner, const Batch& batch, RunCalls::OnAnswer done) {
  const RunAppend& append = *batch.append;
  const bool may = !batch.no_room && owner->rate.ready(limit_, parts_.loop.now());
  if (!is_framed(owner->run.record.format))
    return parts_.calls.append(owner->run_id, owner->run, append, may, std::move(done));
  const RunCalls::Framed framed{batch.framed ? std::string_view(batch.framed->bytes) : std::string_view(),
                                owner->fold.seen(), batch.misframed || !may ? kRefused : std::string_view()};
  parts_.calls.append(owner->run_id, owner->run, append, framed, std::move(done));
}

// The run has another owner than was read, or is gone.
void RunAppends::send_again(const Ptr& owner, Batch batch) {
  owner->is_known = false;
  batch.no_room.reset();
  if (++batch.tries == kTriesMax) return batch.done(refuse(RunErrc::unavailable, "the run changes too fast"));
  auto& queue = owner->queue;
  const auto behind =
      std::find_if(queue.begin(), queue.end(), [&](const Batch& other) { return other.turn > batch.turn; });
  queue.insert(behind, std::move(batch));
  pump(owner);
}

void RunAppends::on_answer(const Ptr& owner, const Batch& batch, const RunAnswer& answer) {
  const bool is_duplicate = answer.code() == "duplicate", is_stored = answer.code() == "appended";
  if (!is_stored) owner->pos -= std::min<uint64_t>(owner->pos, batch.bytes().size());
  if (batch.framed && !is_stored) owner->is_known = false;
  if (answer.code() == "other") return send_again(owner, batch);
  if (!is_duplicate && !is_stored) return batch.done(refusal_of(*owner, batch, answer));
  const RunAnswer::State state = answer.state();
  const RunTop& top = state.top;
  const RunAppended appended{is_duplicate, batch.append->seq, top.pos,
                             top.hash,     top.status,        state.cancel_requested};
  if (is_duplicate) {
    ++stats_.duplicates_total;
    return batch.done(appended);
  }
  ++stats_.appends_total;
  stats_.appended_bytes_total += batch.append->bytes.size();
  owner->rate.take(limit_, parts_.loop.now());
  if (owner->sent == 0) owner->pos = top.pos;
  if (batch.framed) owner->fold.wrote(*batch.framed, top.hash, batch.append->seq + 1);
  owner->run.record.status = top.status;  // what is over is framed no more
  const bool is_all = batch.append->end.has_value();
  const bool has_grown = is_all || !batch.append->bytes.empty();
  if (has_grown && owner->growth.is_worth_it(top.pos, is_all, parts_.loop.now()))
    trims_.grew(owner->run_id, top.pos, parts_.loop.now());
  if (batch.append->end) {
    owner->bounds.clear();
    events_.on_ended(owner->run_id, top.status, answer.counted(0));
  } else {
    events_.on_alive(owner->run_id, state.lease);
  }
  batch.done(appended);
}

RunRefusal RunAppends::refusal_of(const Owner& owner, const Batch& batch, const RunAnswer& answer) const {
  RunRefusal refusal = answer.refusal();
  if (refusal.code != RunErrc::rate_limited) return refusal;
  if (batch.misframed || batch.no_room) {
    const auto run = std::move(refusal.run);
    refusal = batch.misframed ? *batch.misframed : *batch.no_room;
    refusal.run = run;
  } else {
    // It was too early when the script said so; by now it may not be.
    refusal.retry_after = std::max<Duration>(owner.rate.ready_at(limit_) - parts_.loop.now(), 1ms);
  }
  return refusal;
}

void RunAppends::add_stats(RunStats& stats) const {
  stats.appends_total += stats_.appends_total;
  stats.appended_bytes_total += stats_.appended_bytes_total;
  stats.duplicates_total += stats_.duplicates_total;
}

}  // namespace gw::redis
