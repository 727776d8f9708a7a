#include "engine/redis/run_appends.h"

#include <algorithm>

#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

constexpr Duration kKept = RunLimits::kLeaseMax;

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
    return owner.queue.empty() && owner.sent == 0 && now - owner.heard_at > kKept;
  });
}

void RunAppends::append(const std::string& run_id, const RunReach& reach, RunAppend append,
                        RunDone<RunAppended> done) {
  const Ptr its = owner(run_id);
  its->queue.push_back({reach, std::make_shared<const RunAppend>(std::move(append)), std::move(done), {}});
  pump(its);
}

// What is asked may be answered within the call: then the loop goes on, however many wait.
void RunAppends::pump(const Ptr& owner) {
  if (std::exchange(owner->is_pumping, true)) return;
  while (!owner->is_asking && !owner->queue.empty()) step(owner);
  owner->is_pumping = false;
}

void RunAppends::step(const Ptr& owner) {
  const uint64_t size = owner->queue.front().append->bytes.size();
  if (!owner->is_known) return learn(owner);
  const bool fits = size == 0 || owner->bounds.empty() || owner->pos + size <= owner->reserved;
  // Larger than the run may be: the script says so.
  if (fits || owner->pos + size > owner->record.bytes_max) return send(owner);
  Batch& next = owner->queue.front();
  if (may_append(*owner, next)) return reserve(owner, owner->pos + size);
  if (!std::exchange(next.is_looked_at, true)) return learn(owner);
  next.no_room = RunRefusal{RunErrc::unavailable, "the run has just got another owner; say it again"};
  send(owner);
}

// As the run was when it was read. Nobody else's room is taken for what the script will refuse.
bool RunAppends::may_append(const Owner& owner, const Batch& batch) {
  const RunRecord& record = owner.record;
  const RunAppend& append = *batch.append;
  return reaches(batch.reach, record) && (append.any_producer || append.producer == record.producer) &&
         append.epoch == record.claim_epoch;
}

// --- Room -------------------------------------------------------------------------------------------------

std::vector<RunBound> RunAppends::bounds_of(const std::string& user, const std::string& realm) const {
  std::vector<RunBound> bounds = parts_.index.bounds_of(user, realm);
  std::erase_if(bounds, [](const RunBound& bound) { return bound.bytes_most == 0; });
  return bounds;
}

void RunAppends::learn(const Ptr& owner) {
  owner->is_asking = true;
  parts_.calls.read(owner->run_id, kNoLog, [this, owner](const RunResult<StoredRun>& stored) {
    owner->is_asking = false;
    if (stored) {
      owner->is_known = true;
      owner->pos = stored->pos;
      owner->reserved = 0;
      owner->record = stored->record;
      const RunRecord& run = stored->record;
      owner->bounds.clear();
      if (!is_over(run.status)) owner->bounds = bounds_of(run_user(run.audience, run.rare->asked_by), run.realm);
    }
    if (!stored && stored.error().code != RunErrc::not_found) {
      const RunDone<RunAppended> done = std::move(owner->queue.front().done);
      owner->queue.pop_front();
      done(stored.error());
    } else if (!stored) {
      send(owner);
    }
    pump(owner);
  });
}

void RunAppends::reserve(const Ptr& owner, uint64_t needed) {
  owner->is_asking = true;
  const auto waits = std::make_shared<size_t>(owner->bounds.size());
  const auto granted = std::make_shared<uint64_t>(UINT64_MAX);
  for (const RunBound& bound : std::vector(owner->bounds)) {
    parts_.index.reserve(owner->run_id, bound, needed,
                         [this, owner, bound, waits, granted](const Result<RunIndex::Reserved>& reserved) {
                           on_reserved(bound, reserved, owner->queue.front(), *granted);
                           if (--*waits > 0) return;
                           owner->is_asking = false;
                           if (!owner->queue.front().no_room) owner->reserved = *granted;
                           send(owner);
                           pump(owner);
                         });
  }
}

void RunAppends::on_reserved(const RunBound& bound, const Result<RunIndex::Reserved>& reserved, Batch& batch,
                             uint64_t& granted) {
  if (!reserved) {
    batch.no_room = unavailable(reserved.error());
    return;
  }
  if (reserved->bytes == 0)
    batch.no_room = refuse(bound.refusal, "the runs have all the bytes that they may");
  granted = std::min(granted, reserved->bytes);
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
  const auto batch = std::make_shared<const Batch>(std::move(owner->queue.front()));
  owner->queue.pop_front();
  ++owner->sent;
  owner->pos += batch->append->bytes.size();
  const bool may = !batch->no_room && owner->rate.ready(limit_, parts_.loop.now());
  parts_.calls.append(owner->run_id, batch->reach, *batch->append, may,
                      [this, owner, batch](const Result<RunAnswer>& answer) {
                        --owner->sent;
                        if (answer) return on_answer(owner, *batch, *answer);
                        owner->is_known = false;
                        batch->done(unavailable(answer.error()));
                      });
}

void RunAppends::on_answer(const Ptr& owner, const Batch& batch, const RunAnswer& answer) {
  const bool is_duplicate = answer.code() == "duplicate", is_stored = answer.code() == "appended";
  if (!is_stored) owner->pos -= std::min<uint64_t>(owner->pos, batch.append->bytes.size());
  if (!is_duplicate && !is_stored) {
    const RunRefusal refusal = refusal_of(*owner, batch, answer);
    const bool is_idle = owner->queue.empty() && owner->sent == 0;
    if (refusal.code == RunErrc::not_found && is_idle) owners_.erase(owner->run_id);
    return batch.done(refusal);
  }
  const RunTop top = answer.top();
  const RunAppended appended{is_duplicate, batch.append->seq, top.pos,
                             top.hash,     top.status,        answer.number(RunAnswer::kCancel) == 1};
  if (is_duplicate) {
    ++stats_.duplicates_total;
    return batch.done(appended);
  }
  ++stats_.appends_total;
  stats_.appended_bytes_total += batch.append->bytes.size();
  owner->rate.take(limit_, parts_.loop.now());
  if (owner->sent == 0) owner->pos = top.pos;
  if (!batch.append->bytes.empty()) trims_.grew(owner->run_id, top.pos, parts_.loop.now());
  if (batch.append->end) {
    owner->bounds.clear();
    events_.on_ended(owner->run_id, top.status, answer.counted(RunAnswer::kAppendMore));
  } else {
    events_.on_alive(owner->run_id, std::chrono::milliseconds(answer.number(RunAnswer::kLease)));
  }
  batch.done(appended);
}

RunRefusal RunAppends::refusal_of(const Owner& owner, const Batch& batch, const RunAnswer& answer) const {
  RunRefusal refusal = answer.refusal(RunAnswer::kAppendMore);
  if (refusal.code != RunErrc::rate_limited) return refusal;
  if (batch.no_room) {
    const auto run = std::move(refusal.run);
    refusal = *batch.no_room;
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
