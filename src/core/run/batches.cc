#include "core/run/batches.h"

#include <algorithm>

#include "core/run/run_machine.h"

namespace gw::run {
namespace {

// With which its owner has ended the run, in its last batch; absent: he has not.
std::optional<RunEnd> end_by_owner(const RunRecord& record) {
  if (!is_over(record.status) || record.epoch != record.claim_epoch) return {};
  return RunEnd{record.status, record.rare->error, record.rare->result};
}

// Whether the log can tell what its last batches were.
bool has_batches(const Run& run) {
  return !is_framed(run.record.format) && !run.log.is_expired() && run.record.rare->receipts.empty();
}

std::optional<RunEnd> end_of(const Run& run, uint64_t seq) {
  return seq + 1 == run.record.batches.next() ? end_by_owner(run.record) : std::nullopt;
}

RunReceipt receipt_of(const Run& run, uint64_t seq) {
  const RunBatches& batches = run.record.batches;
  const uint64_t pos = batches.end_of(seq);
  RunAppend stored;
  stored.bytes = run.log.bytes(batches.begin_of(seq), pos);
  stored.end = end_of(run, seq);
  return {seq, pos, run.log.hash_at(pos), digest_of(stored)};
}

}  // namespace

std::optional<std::pair<uint64_t, RunHash>> find_batch(const Run& run, const RunAppend& append) {
  if (has_batches(run)) {
    const RunBatches& batches = run.record.batches;
    if (!batches.has(append.seq)) return {};
    const uint64_t begin = batches.begin_of(append.seq), end = batches.end_of(append.seq);
    const bool is_it = end - begin == append.bytes.size() && run.log.has(begin, append.bytes) &&
                       append.end == end_of(run, append.seq);
    return is_it ? std::optional(std::pair(end, run.log.hash_at(end))) : std::nullopt;
  }
  for (const RunReceipt& kept : run.record.rare->receipts) {
    if (kept.seq == append.seq && kept.digest == digest_of(append)) return std::pair(kept.pos, kept.hash);
  }
  return {};
}

void keep_receipt(Run& run, const RunAppend& append) {
  auto& receipts = run.record.rare.make().receipts;
  if (receipts.size() == RunBatches::kKept) receipts.erase(receipts.begin());
  receipts.push_back({append.seq, run.log.size(), run.log.hash(), digest_of(append)});
}

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out.append(std::to_string(part.size())).append(":").append(part);
  return out;
}

SeqDigest digest_of(const RunAppend& append) {
  const RunEnd end = append.end.value_or(RunEnd());
  const RunError error = end.error.value_or(RunError());
  const Digest whole = append.end
                           ? sha256(joined({append.bytes, to_string(end.status), end.error ? "error" : "",
                                            error.code, error.message, end.result}))
                           : sha256(joined({append.bytes}));
  SeqDigest digest;
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

std::vector<RunReceipt> receipts(const Run& run) {
  if (!has_batches(run)) return run.record.rare->receipts;
  std::vector<RunReceipt> out;
  for (uint64_t seq = run.record.batches.first_kept(); seq < run.record.batches.next(); ++seq)
    out.push_back(receipt_of(run, seq));
  return out;
}

void expire(Run& run) {
  if (run.log.is_expired()) return;
  if (run.record.batches.next() > 0) run.record.rare.make().receipts = receipts(run);
  run.log.expire();
}

}  // namespace gw::run
