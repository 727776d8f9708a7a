#include "engine/redis/run_replica.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace gw::redis {
namespace {

struct Message {
  char kind = 0;
  uint64_t epoch = 0;
  uint64_t from = 0;
  RunHash hash;
  RunStatus status = RunStatus::in_progress;
  std::string_view bytes;
};

// The numbers between its kind and the end of its first line; those that are not there are 0.
Message parse_message(std::string_view text) {
  const size_t line = std::min(text.find('\n'), text.size());
  Message message;
  message.bytes = text.substr(std::min(line + 1, text.size()));
  std::array<uint64_t, 4> numbers{};
  if (line > 0) message.kind = text[0];
  const char* at = text.data() + std::min<size_t>(1, line);
  const char* const end = text.data() + line;
  for (uint64_t& number : numbers) {
    if (at == end) break;
    const auto [after, error] = std::from_chars(at + 1, end, number);
    if (error != std::errc()) break;
    at = after;
  }
  if (at != end)
    message.status =
        parse_run_status({at + 1, static_cast<size_t>(end - at - 1)}).value_or(RunStatus::in_progress);
  message.epoch = numbers[0];
  message.from = numbers[1];
  message.hash = {static_cast<uint32_t>(numbers[2]), static_cast<uint32_t>(numbers[3])};
  return message;
}

}  // namespace

bool RunReplica::is_whole(const StoredRun& stored) {
  return stored.is_expired ||
         (stored.from == 0 && stored.bytes.size() == stored.pos && RunHash::of(stored.bytes) == stored.hash);
}

RunReplica::RunReplica(StoredRun stored) {
  if (stored.is_expired) {
    run_.log.assign_expired(stored.pos, stored.hash, std::move(stored.bases));
  } else {
    run_.log.assign(std::move(stored.bytes), std::move(stored.bases));
  }
  run_.record = std::move(stored.record);
}

bool RunReplica::hear(std::string_view text, WallTime now, run::Changes& changes) {
  const Message message = parse_message(text);
  const uint32_t epoch = run_.log.epoch();
  epoch_known_ = std::max(epoch_known_, static_cast<uint32_t>(message.epoch));
  switch (message.kind) {
    case 'A':
      if (message.epoch < epoch) return true;
      return append(static_cast<uint32_t>(message.epoch), message.from, message.hash, message.bytes, now,
                    changes);
    case 'C':
      if (message.epoch != run_.record.epoch) return message.epoch < epoch;
      if (run_.record.cancel_requested) return true;
      run_.record.cancel_requested = true;
      run_.record.cancel_asked_at = now;
      changes.push_back({RunChange::Kind::cancel, epoch, run_.log.size(), {}});
      return true;
    case 'E': return message.epoch <= epoch;
    case 'T':
      last_words_ = {message.status, static_cast<uint32_t>(message.epoch), message.from,
                     message.hash,   std::string(message.bytes),           now};
      return is_over(run_.record.status);
    default: return false;
  }
}

// False: not here, or not what Redis has.
bool RunReplica::append(uint32_t epoch, uint64_t from, RunHash hash, std::string_view bytes, WallTime now,
                        run::Changes& changes) {
  RunLog& log = run_.log;
  is_broken_ = is_broken_ || log.is_expired();
  if (is_broken_) return false;
  if (epoch == log.epoch() && from + bytes.size() <= log.size()) return true;  // it was read meanwhile
  if (epoch != log.epoch() || from != log.size()) return false;
  log.append(bytes);
  is_broken_ = log.hash() != hash;
  if (is_broken_) return false;
  run_.record.last_byte_at = now;
  run_.record.lease_until = now + std::chrono::duration_cast<std::chrono::milliseconds>(run_.record.lease);
  changes.push_back({RunChange::Kind::append, epoch, from, std::string(bytes)});
  return true;
}

std::optional<uint64_t> RunReplica::catch_up(StoredRun stored, run::Changes& changes) {
  const RunLog& log = run_.log;
  if (log.is_expired()) return catch_up_expired(std::move(stored), changes);
  uint64_t common = log.size();
  for (size_t later = size_t{log.epoch()} + 1; later < stored.bases.size(); ++later)
    common = std::min(common, stored.bases[later]);
  const bool is_back = is_broken_ || stored.record.epoch < log.epoch() ||
                       (stored.record.epoch == log.epoch() && stored.pos < log.size());
  if (!is_back && stored.from > common) return common;
  const uint64_t skipped = std::min<uint64_t>(common - std::min(common, stored.from), stored.bytes.size());
  const std::string_view tail = std::string_view(stored.bytes).substr(skipped);
  if (!is_back && common + tail.size() == stored.pos && log.hash_at(common).then(tail) == stored.hash) {
    take(std::move(stored), common, changes);
    return {};
  }
  is_broken_ = true;
  if (stored.from != 0) return 0;
  reload(std::move(stored), changes);
  return {};
}

// Of a run whose log is gone there is nothing to go on from: it is as it was, or everything is new.
std::optional<uint64_t> RunReplica::catch_up_expired(StoredRun stored, run::Changes& changes) {
  const RunTop top{stored.record.status, stored.record.epoch, stored.pos, stored.hash};
  if (stored.is_expired && agrees(top, stored.record.cancel_requested)) {
    run_.record = std::move(stored.record);
    return {};
  }
  is_broken_ = true;
  if (!stored.is_expired && stored.from != 0) return 0;
  reload(std::move(stored), changes);
  return {};
}

void RunReplica::take(StoredRun stored, uint64_t common, run::Changes& changes) {
  using Kind = RunChange::Kind;
  RunLog& log = run_.log;
  const bool was_over = is_over(run_.record.status), was_cancelled = run_.record.cancel_requested;
  run_.record = std::move(stored.record);
  const RunRecord& record = run_.record;
  if (record.claim_epoch > log.epoch()) {
    log.begin_epoch(record.claim_epoch, common);
    changes.push_back({Kind::epoch, record.claim_epoch, common, {}});
  }
  log.correct_bases(stored.bases);
  const bool ends = is_over(record.status) && !was_over;
  std::string tail = stored.bytes.substr(std::min(common - stored.from, stored.bytes.size()));
  // Its last bytes come with its end, if that is its owner's.
  if (ends && record.epoch == log.epoch()) {
    log.append(tail);
    return changes.push_back({Kind::end, record.epoch, common, std::move(tail)});
  }
  // An end by the gateway is an epoch of its own, and what it has written stands in that.
  const uint64_t ended_at = record.epoch > log.epoch() ? stored.bases.back() : stored.pos;
  std::string last = tail.substr(std::min<uint64_t>(ended_at - common, tail.size()));
  tail.resize(tail.size() - last.size());
  log.append(tail);
  if (!tail.empty()) changes.push_back({Kind::append, log.epoch(), common, std::move(tail)});
  if (record.cancel_requested && !was_cancelled && !is_over(record.status))
    changes.push_back({Kind::cancel, log.epoch(), log.size(), {}});
  const uint64_t from = log.size();
  if (record.epoch > log.epoch()) log.begin_epoch(record.epoch, from);
  log.append(last);
  if (ends) changes.push_back({Kind::end, record.epoch, from, std::move(last)});
}

void RunReplica::go(run::Changes& changes) {
  using Kind = RunChange::Kind;
  RunRecord& record = run_.record;
  RunLog& log = run_.log;
  const bool ends = last_words_ && !is_over(record.status) && is_over(last_words_->status) &&
                    last_words_->from == log.size() && last_words_->epoch >= log.epoch() &&
                    log.hash().then(last_words_->bytes) == last_words_->hash;
  if (ends) {
    record.status = last_words_->status;
    record.epoch = last_words_->epoch;
    record.ended_at = last_words_->at;
    if (record.status == RunStatus::cancelled)
      record.rare.make().error = {"cancelled", "the run was deleted"};
    if (record.epoch > log.epoch()) log.begin_epoch(record.epoch, log.size());
    log.append(last_words_->bytes);
    changes.push_back({Kind::end, record.epoch, last_words_->from, std::move(last_words_->bytes)});
  }
  changes.push_back({Kind::removed, record.epoch, log.size(), {}});
}

void RunReplica::reload(StoredRun stored, run::Changes& changes) {
  const bool was_over = is_over(run_.record.status);
  const uint32_t known = epoch_known();
  *this = RunReplica(std::move(stored));
  epoch_known_ = known;
  const RunRecord& record = run_.record;
  changes.push_back({RunChange::Kind::reloaded, record.epoch, run_.log.size(), {}});
  if (is_over(record.status) && !was_over)
    changes.push_back({RunChange::Kind::end, record.epoch, run_.log.size(), {}});
}

bool RunReplica::agrees(const RunTop& top, bool cancel_requested) const {
  return !is_broken_ && top == top_of(run_) && cancel_requested == run_.record.cancel_requested;
}

void RunReplica::take_times(WallTime lease_until, WallTime last_byte_at) {
  run_.record.lease_until = lease_until;
  run_.record.last_byte_at = last_byte_at;
}

}  // namespace gw::redis
