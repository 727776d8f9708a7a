#include "core/run/run_machine.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "core/run/batches.h"
#include "core/run/framing.h"

namespace gw::run {
namespace {

WallTime after(WallTime time, Duration duration) {
  return time + std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

RunRefusal refuse(const Run& run, RunErrc code, std::string detail) {
  RunRefusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  refusal.run = top_of(run);
  return refusal;
}

RunRefusal ended(const Run& run) { return refuse(run, RunErrc::ended, "the run is over"); }

RunRefusal fenced(const Run& run) {
  RunRefusal refusal = refuse(run, RunErrc::fenced, "another claim of the run came after this one");
  refusal.epoch = run.record.claim_epoch;
  return refusal;
}

bool is_owner(const RunRecord& record, std::string_view producer, uint32_t epoch) {
  return record.claim_epoch > 0 && epoch == record.claim_epoch && producer == record.producer;
}

template <class T>
std::string text_of(const std::optional<T>& value) {
  return value ? std::to_string(*value) : std::string();
}

// Milliseconds, for a digest.
std::string text_of(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// --- Claim ------------------------------------------------------------------------------------------------

// Where readers have been cut there is never half of a character or of a line.
bool may_keep(const Run& run, uint64_t keep) {
  if (keep > run.log.size()) return false;
  if (keep == run.log.size() || keep == 0) return true;
  return has_lines(run.record.format) ? run.log.ends_line(keep) : !run.log.is_inside_character(keep);
}

std::optional<RunResult<RunClaimed>> answer_to_token(const Run& run, const RunClaim& claim) {
  const RunRecord& record = run.record;
  const RunClaimShown& shown = *record.shown;
  if (claim.token.empty()) return {};
  if (claim.token == shown.token && digest_of(claim) == shown.digest) {
    return claim_again(run);
  }
  const auto& past = shown.past_tokens;
  if (claim.token == shown.token || std::find(past.begin(), past.end(), claim.token) != past.end())
    return refuse(run, RunErrc::moved, "the token is another claim's");
  return {};
}

std::optional<RunRefusal> refuse_claim(const Run& run, const RunClaim& claim, WallTime now) {
  const RunRecord& record = run.record;
  if (is_over(record.status)) return ended(run);
  const bool is_held = record.status == RunStatus::in_progress && now < record.lease_until;
  if (is_held && record.producer != claim.producer && !claim.force) {
    RunRefusal refusal = refuse(run, RunErrc::held, "another producer holds the run");
    refusal.retry_after = record.lease_until - now;
    return refusal;
  }
  if (claim.epoch && *claim.epoch < record.epoch)
    return refuse(run, RunErrc::moved, "the run has a later epoch");
  if (claim.keep && !may_keep(run, *claim.keep))
    return refuse(run, RunErrc::moved, "the log has no such place to go on from");
  return {};
}

// Readers of items can't un-read: such a log is never cut.
std::optional<RunRefusal> refuse_cut(const Run& run, const RunClaim& claim) {
  if (!is_framed(run.record.format) || claim.keep.value_or(0) == 0) return {};
  return refuse(run, RunErrc::invalid_argument, kNoCut);
}

// What the log gets when another attempt begins.
RunResult<FramedBatch> opening_of(const Run& run, const RunClaim& claim) {
  const protocol::RunFraming& framing = run.framed->framing;
  if (!claim.keep || !is_framed(run.record.format)) return FramedBatch{{}, framing};
  const auto [from, to] = framing.opening();
  auto opening = begin_attempt(framing, run.log.bytes(from, to), run.record.bytes_max);
  if (opening) return opening;
  return refuse(run, opening.error().code, opening.error().detail);
}

Duration takeover_of(const RunClaim& claim, Duration ack_wait) {
  if (claim.takeover) return *claim.takeover;
  return claim.group.empty() ? Duration() : ack_wait + 5s;
}

void remember(RunRecord& record, const RunClaim& claim) {
  if (claim.token.empty() && claim.group.empty() && !record.shown) return;
  RunClaimShown& shown = record.shown.make();
  if (!shown.token.empty()) shown.past_tokens.push_back(std::move(shown.token));
  if (shown.past_tokens.size() > RunClaimShown::kTokensKept)
    shown.past_tokens.erase(shown.past_tokens.begin());
  shown.token = claim.token;
  shown.digest = digest_of(claim);
  shown.group = claim.group;
  shown.delivery_id = claim.delivery_id;
}

// --- Append -----------------------------------------------------------------------------------------------

std::optional<RunResult<RunAppended>> answer_to_seq(const Run& run, const RunAppend& append) {
  const RunRecord& record = run.record;
  if (append.seq >= record.batches.next()) return {};
  const auto known = find_batch(run, append);
  if (!known)
    return refuse(run, RunErrc::sequence_conflict, "that seq was used with other bytes, or long ago");
  return RunAppended{true, append.seq, known->first, known->second, record.status, record.cancel_requested};
}

void store(Run& run, const RunAppend& append, std::string_view bytes, WallTime now) {
  RunRecord& record = run.record;
  run.log.append(bytes);
  record.batches.add(run.log.size());
  if (is_framed(record.format)) keep_receipt(run, append);
  record.lease_until = after(now, record.lease);
  if (append.bytes.empty()) return;
  record.last_byte_at = now;
  if (record.rare->trace && !record.rare->trace->first_byte_at) record.rare.make().trace->first_byte_at = now;
}

void take_end(RunRecord& record, const RunEnd& end, WallTime now) {
  record.status = end.status;
  record.rare.set(&RunRare::error, end.error);
  record.rare.set(&RunRare::result, end.result);
  record.ended_at = now;
}

}  // namespace

Digest digest_of(const RunClaim& claim) {
  return sha256(joined({claim.producer, claim.token, text_of(claim.keep), text_of(claim.epoch),
                        claim.force ? "force" : "", text_of(claim.lease),
                        claim.takeover ? text_of(*claim.takeover) : "", claim.group, claim.delivery_id}));
}

Run make(const NewRun& new_run, const RunLimits& limits, WallTime now) {
  Run run;
  RunRecord& record = run.record;
  record.run_id = new_run.run_id;
  record.channel = new_run.channel;
  record.audience = new_run.audience;
  record.tenant_id = new_run.tenant_id;
  if (new_run.claim) record.realm = new_run.claim->realm;
  record.is_realms = !record.realm.empty();
  record.thread_id = new_run.thread_id;
  record.format = new_run.format;
  record.rare.set(&RunRare::metadata, new_run.metadata);
  record.bytes_max = bytes_max_of(new_run, limits);
  record.retention = new_run.retention == Duration() ? limits.retention : new_run.retention;
  record.push = new_run.push;
  record.rare.set(&RunRare::asked_by, new_run.asked_by);
  if (new_run.span) record.rare.make().trace = RunTrace{*new_run.span};
  record.created_at = record.last_byte_at = now;
  record.start_until = after(now, limits.start_timeout);
  record.life_until = after(now, limits.life);
  if (is_framed(record.format)) {
    const std::string head = head_of(new_run);
    run.log.append(head);
    run.framed.make().framing = framing_of(record.format, head);
  }
  return run;
}

RunResult<RunClaimed> claim(Run& run, const RunClaim& claim, Duration ack_wait, WallTime now,
                            Changes& changes) {
  if (const auto refusal = refuse_cut(run, claim)) return *refusal;
  if (const auto known = answer_to_token(run, claim)) return *known;
  if (const auto refusal = refuse_claim(run, claim, now)) return *refusal;
  RunRecord& record = run.record;
  const uint32_t epoch = std::max(record.epoch, claim.epoch_heard()) + 1;
  if (epoch >= RunLimits::kEpochMax) {
    end(run, RunStatus::failed, {"too_many_claims", "the run was claimed too often"}, now, changes);
    return ended(run);
  }
  auto opening = opening_of(run, claim);
  if (!opening) return opening.error();
  const uint64_t keep = is_framed(record.format) ? run.log.size() : claim.keep.value_or(run.log.size());
  run.log.begin_epoch(epoch, keep);
  run.log.append(opening->bytes);
  const uint64_t pos = run.log.size();
  if (run.framed) run.framed.make() = {std::move(opening->after), pos};
  remember(record, claim);
  record.status = RunStatus::in_progress;
  record.epoch = record.claim_epoch = epoch;
  record.claim_hash = run.log.hash();
  record.producer = claim.producer;
  record.lease = claim.lease;
  record.takeover = takeover_of(claim, ack_wait);
  record.batches.begin(pos);
  record.rare.set(&RunRare::receipts, std::vector<RunReceipt>());
  if (record.realm.empty()) record.realm = claim.realm;
  record.lease_until = after(now, record.lease);
  if (keep == 0) record.last_byte_at = now;
  if (record.rare->trace && !record.rare->trace->first_claim_at)
    record.rare.make().trace->first_claim_at = now;
  changes.push_back({RunChange::Kind::epoch, epoch, keep, {}});
  if (pos > keep) changes.push_back({RunChange::Kind::append, epoch, keep, std::move(opening->bytes)});
  return RunClaimed{epoch, pos, run.log.hash(), record.lease, record.status, false};
}

RunClaimed claim_again(const Run& run) {
  const RunRecord& record = run.record;
  const uint64_t pos = run.framed ? run.framed->claim_pos : run.log.bases()[record.claim_epoch];
  return {record.claim_epoch, pos, record.claim_hash, record.lease, record.status, true};
}

std::optional<RunResult<RunAppended>> answer_without_storing(const Run& run, const RunAppend& append) {
  const RunRecord& record = run.record;
  const std::string_view producer = append.any_producer ? record.producer.view() : append.producer;
  if (!is_owner(record, producer, append.epoch)) return fenced(run);
  if (append.format && !takes(record.format, *append.format))
    return refuse(run, RunErrc::invalid_argument, "the run has another format");
  if (append.end && (append.end->status == RunStatus::abandoned || !is_over(append.end->status)))
    return refuse(run, RunErrc::invalid_argument, "an owner ends a run completed, failed or cancelled");
  if (const auto known = answer_to_seq(run, append)) return known;
  if (is_over(record.status)) return ended(run);
  const uint64_t next = record.batches.next();
  if (append.seq != next) {
    RunRefusal refusal = refuse(run, RunErrc::sequence_gap, "batches before this one are missing");
    refusal.expected_seq = next;
    return refusal;
  }
  const bool fits = append.bytes.size() <= RunLimits::kAppendBytes &&
                    run.log.size() + append.bytes.size() <= record.bytes_max;
  if (!is_framed(record.format) && !fits)
    return refuse(run, RunErrc::too_large, "the batch or the run would be too large");
  return {};
}

RunResult<std::optional<FramedBatch>> frame(const Run& run, const RunAppend& append) {
  if (!is_framed(run.record.format)) return std::optional<FramedBatch>();
  auto batch = frame(run.framed->framing, append, run.record.bytes_max);
  if (batch) return std::optional(std::move(*batch));
  return refuse(run, batch.error().code, batch.error().detail);
}

RunResult<RunAppended> append(Run& run, const RunAppend& append, WallTime now, Changes& changes) {
  if (const auto answer = answer_without_storing(run, append)) return *answer;
  auto framed = frame(run, append);
  if (!framed) return framed.error();
  return store(run, append, std::move(*framed), now, changes);
}

RunAppended store(Run& run, const RunAppend& append, std::optional<FramedBatch> framed, WallTime now,
                  Changes& changes) {
  RunRecord& record = run.record;
  const uint64_t from = run.log.size();
  std::string bytes = append.bytes;
  if (framed) {
    bytes = std::move(framed->bytes);
    run.framed.make().framing = std::move(framed->after);
  }
  store(run, append, bytes, now);
  if (append.end) take_end(record, *append.end, now);
  const auto kind = append.end ? RunChange::Kind::end : RunChange::Kind::append;
  if (append.end || !bytes.empty()) changes.push_back({kind, record.epoch, from, std::move(bytes)});
  return RunAppended{false,          append.seq,    run.log.size(),
                     run.log.hash(), record.status, record.cancel_requested};
}

RunResult<RunBeat> heartbeat(Run& run, const RunHeartbeat& heartbeat, WallTime now) {
  RunRecord& record = run.record;
  if (!is_owner(record, heartbeat.producer, heartbeat.epoch)) return fenced(run);
  if (is_over(record.status)) return ended(run);
  record.lease_until = after(now, record.lease);
  return RunBeat{record.status, run.log.size(), run.log.hash(), record.cancel_requested, record.lease};
}

RunCancelled cancel(Run& run, std::string_view reason, WallTime now, Changes& changes) {
  RunRecord& record = run.record;
  if (is_over(record.status)) return RunCancelled::ended;
  if (record.cancel_requested) return RunCancelled::already;
  record.cancel_requested = true;
  record.rare.set(&RunRare::cancel_reason, std::string(reason));
  record.cancel_asked_at = now;
  if (record.status == RunStatus::queued || is_owner_lost(record, now)) {
    end(run, RunStatus::cancelled, {"cancelled", record.rare->cancel_reason}, now, changes);
  } else {
    changes.push_back({RunChange::Kind::cancel, record.epoch, run.log.size(), {}});
  }
  return RunCancelled::asked;
}

void settle(Run& run, Duration cancel_grace, WallTime now, Changes& changes) {
  const RunRecord& record = run.record;
  if (is_over(record.status)) return;
  const bool is_queued = record.status == RunStatus::queued;
  if (record.cancel_requested && now >= after(record.cancel_asked_at, cancel_grace)) {
    end(run, RunStatus::cancelled, {"cancelled", record.rare->cancel_reason}, now, changes);
  } else if (is_queued && now >= record.start_until) {
    end(run, RunStatus::abandoned, {"no_agent", "no agent took the run"}, now, changes);
  } else if (!is_queued && now >= after(record.lease_until, record.takeover)) {
    end(run, RunStatus::abandoned, {"agent_lost", "the agent is gone and no other took the run over"}, now,
        changes);
  } else if (now >= record.life_until) {
    end(run, RunStatus::failed, {"deadline", "the run took longer than a run may"}, now, changes);
  }
}

WallTime due(const RunRecord& record, Duration cancel_grace) {
  if (is_over(record.status)) return after(record.ended_at, record.retention);
  WallTime first = std::min(record.life_until, record.status == RunStatus::queued
                                                   ? record.start_until
                                                   : after(record.lease_until, record.takeover));
  if (record.cancel_requested) first = std::min(first, after(record.cancel_asked_at, cancel_grace));
  return first;
}

void grace(Run& run, const RunLimits& limits, WallTime now) {
  RunRecord& record = run.record;
  if (is_over(record.status)) return;
  record.lease_until = after(now, record.lease);
  record.start_until = after(now, limits.start_timeout);
  record.cancel_asked_at = now;
  const Duration least = std::max(record.lease, RunLimits::kLease);
  record.life_until =
      std::min(std::max(record.life_until, after(now, least)), after(now, std::max(limits.life, least)));
}

void end(Run& run, RunStatus status, RunError error, WallTime now, Changes& changes) {
  RunRecord& record = run.record;
  ASSERT(!is_over(record.status) && is_over(status) && record.epoch < RunLimits::kEpochMax);
  const uint64_t from = run.log.size();
  run.log.begin_epoch(++record.epoch, from);
  std::string bytes = run.framed ? run.framed.make().framing.end(framed_end(status, error)) : std::string();
  run.log.append(bytes);
  record.status = status;
  record.rare.make().error = std::move(error);
  record.ended_at = now;
  changes.push_back({RunChange::Kind::end, record.epoch, from, std::move(bytes)});
}

bool is_owner_lost(const RunRecord& record, WallTime now) {
  return record.status == RunStatus::in_progress && now >= record.lease_until;
}

bool may_see(const RunAudience& audience, ChannelIndex channel, const RunViewer& viewer) {
  using Kind = RunAudience::Kind;
  if (!viewer.granted.contains(channel)) return false;
  switch (audience.kind) {
    case Kind::user:
      return viewer.has_session && viewer.user_id == audience.who && viewer.tenant_id == audience.tenant_id;
    case Kind::session: return viewer.has_session && viewer.session_ref == audience.who;
    case Kind::connection: return viewer.connection_id == audience.who;
    case Kind::channel: return audience.tenant_id.empty() || viewer.tenant_id == audience.tenant_id;
    case Kind::anonymous: return !viewer.has_session;
  }
  return false;
}

}  // namespace gw::run
