// A record of all that was ever asked of one run and stored in it. It knows no state machine: each answer is
// worked out anew from the whole history, as the contract words it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "core/run/run_machine.h"

namespace gw::run {

inline constexpr WallTime t0{1'700'000'000'000ms};

// Digit by digit, from the bytes alone.
inline RunHash folded(std::string_view bytes) {
  unsigned long long one = 0, two = 0;
  for (const char c : bytes) {
    const unsigned value = static_cast<unsigned char>(c) + 1u;
    one = (one * 31415927ULL + value) % 67108859ULL;
    two = (two * 27182819ULL + value) % 67108837ULL;
  }
  return {static_cast<uint32_t>(one), static_cast<uint32_t>(two)};
}

inline std::string shown(const std::optional<RunEnd>& end) {
  if (!end) return "-";
  return std::string(to_string(end->status)) + "/" + (end->error ? end->error->code : "-") + "/" +
         end->result;
}

struct StoredBatch {
  std::string bytes;
  std::string end;
  std::string text_after;
};

struct PastClaim {
  uint32_t epoch;
  std::string producer, token, body;
  std::string text;  // as it left it
  WallTime::duration lease, takeover;
  std::vector<StoredBatch> batches;
};

// Everything that has happened.
struct History {
  RunLimits limits;
  RunFormat format = RunFormat::text;
  size_t bytes_max = 0;
  std::vector<PastClaim> claims;
  std::string text;
  WallTime renewed;                      // by claim, append or heartbeat
  std::optional<WallTime> asked_to_end;  // somebody has cancelled it
  std::optional<RunStatus> over;
  bool over_by_gateway = false;
  std::string over_code;

  const PastClaim* last() const { return claims.empty() ? nullptr : &claims.back(); }
  uint32_t epoch() const { return (last() ? last()->epoch : 0) + (over_by_gateway ? 1 : 0); }
  WallTime lease_end() const { return renewed + last()->lease; }
  RunTop top() const {
    const RunStatus status = over ? *over : last() ? RunStatus::in_progress : RunStatus::queued;
    return {status, epoch(), text.size(), folded(text)};
  }
  WallTime::duration start() const {
    return std::chrono::duration_cast<WallTime::duration>(limits.start_timeout);
  }
  WallTime::duration cancel_grace() const {
    return std::chrono::duration_cast<WallTime::duration>(limits.cancel_grace);
  }
  WallTime life_end() const { return t0 + std::chrono::duration_cast<WallTime::duration>(limits.life); }
  // All moments at which something may change by itself.
  std::vector<WallTime> deadlines() const {
    std::vector<WallTime> all{life_end()};
    if (!last()) all.push_back(t0 + start());
    if (last()) all.push_back(lease_end());
    if (last()) all.push_back(lease_end() + last()->takeover);
    if (asked_to_end) all.push_back(*asked_to_end + cancel_grace());
    return all;
  }
  void end_by_gateway(RunStatus status, const std::string& code) {
    over = status;
    over_by_gateway = true;
    over_code = code;
  }
};

inline std::string place(std::string_view text) {
  return std::to_string(text.size()) + " " + folded(text).text();
}

// --- What the contract says -------------------------------------------------------------------------------

inline std::string body_of(const RunClaim& claim) {
  return claim.producer + "|" + (claim.keep ? std::to_string(*claim.keep) : "all") + "|" +
         (claim.epoch ? std::to_string(*claim.epoch) : "-") + "|" + (claim.force ? "f" : "-") + "|" +
         std::to_string(claim.lease.count()) + "|" +
         (claim.takeover ? std::to_string(claim.takeover->count()) : "-") + "|" + claim.group + "|" +
         claim.delivery_id;
}

inline bool may_be_cut_at(const History& history, uint64_t keep) {
  if (keep > history.text.size()) return false;
  const std::string kept = history.text.substr(0, keep);
  if (!is_valid_utf8(kept)) return false;
  return history.format == RunFormat::text || kept.empty() || kept.back() == '\n';
}

inline std::string expect_claim(History& history, const RunClaim& claim, WallTime now) {
  const PastClaim* const last = history.last();
  if (!claim.token.empty() && last && claim.token == last->token && body_of(claim) == last->body) {
    return "epoch " + std::to_string(last->epoch) + " at " + place(last->text) + " " +
           std::string(to_string(history.top().status)) + " again";
  }
  // The last and the eight before it.
  size_t tokens = 0;
  for (auto past = history.claims.rbegin(); past != history.claims.rend() && tokens < 9; ++past) {
    if (past == history.claims.rbegin() || !past->token.empty()) ++tokens;
    if (!claim.token.empty() && past->token == claim.token) return "run_moved";
  }
  if (history.over) return "run_ended";
  if (last && now < history.lease_end() && last->producer != claim.producer && !claim.force)
    return "run_held " + std::to_string((history.lease_end() - now).count());
  if (claim.epoch && *claim.epoch < history.epoch()) return "run_moved";
  if (claim.keep && !may_be_cut_at(history, *claim.keep)) return "run_moved";

  PastClaim next;
  next.epoch = std::max({history.epoch(), claim.epoch_known, claim.epoch.value_or(0)}) + 1;
  if (next.epoch > 9998) {
    history.end_by_gateway(RunStatus::failed, "too_many_claims");
    return "run_ended";
  }
  if (claim.keep) history.text.resize(*claim.keep);
  next.producer = claim.producer;
  next.token = claim.token;
  next.body = body_of(claim);
  next.text = history.text;
  next.lease = std::chrono::duration_cast<WallTime::duration>(claim.lease);
  const Duration takeover = claim.takeover ? *claim.takeover : claim.group.empty() ? Duration(0) : 35s;
  next.takeover = std::chrono::duration_cast<WallTime::duration>(takeover);
  history.claims.push_back(next);
  history.renewed = now;
  return "epoch " + std::to_string(next.epoch) + " at " + place(next.text) + " in_progress";
}

inline std::string expect_append(History& history, const RunAppend& append, WallTime now) {
  if (history.claims.empty()) return "fenced 0";
  PastClaim& owner = history.claims.back();
  if (append.epoch != owner.epoch || append.producer != owner.producer)
    return "fenced " + std::to_string(owner.epoch);
  const auto ending = [&] {
    return " " + std::string(to_string(history.top().status)) + (history.asked_to_end ? " cancel" : "");
  };
  const size_t stored = owner.batches.size();
  if (append.seq < stored) {
    const StoredBatch& batch = owner.batches[append.seq];
    const bool is_remembered = append.seq + 16 >= stored;
    if (!is_remembered || batch.bytes != append.bytes || batch.end != shown(append.end))
      return "sequence_conflict";
    return "duplicate " + std::to_string(append.seq) + " at " + place(batch.text_after) + ending();
  }
  if (history.over) return "run_ended";
  if (append.seq > stored) return "sequence_gap " + std::to_string(stored);
  if (history.text.size() + append.bytes.size() > history.bytes_max) return "run_too_large";
  history.text += append.bytes;
  owner.batches.push_back({append.bytes, shown(append.end), history.text});
  history.renewed = now;
  if (append.end) {
    history.over = append.end->status;
    history.over_code = append.end->error ? append.end->error->code : "";
  }
  return "appended " + std::to_string(append.seq) + " at " + place(history.text) + ending();
}

inline std::string expect_heartbeat(History& history, const RunHeartbeat& beat, WallTime now) {
  const PastClaim* const owner = history.last();
  if (!owner || owner->epoch != beat.epoch || owner->producer != beat.producer) return "fenced";
  if (history.over) return "run_ended";
  history.renewed = now;
  return "in_progress " + place(history.text) + (history.asked_to_end ? " cancel" : "");
}

inline std::string expect_cancel(History& history, WallTime now) {
  if (history.over) return "ended";
  if (history.asked_to_end) return "already";
  history.asked_to_end = now;
  if (!history.last() || now >= history.lease_end())
    history.end_by_gateway(RunStatus::cancelled, "cancelled");
  return "asked";
}

inline void expect_time(History& history, WallTime now) {
  if (history.over) return;
  if (history.asked_to_end && now - *history.asked_to_end >= history.cancel_grace()) {
    history.end_by_gateway(RunStatus::cancelled, "cancelled");
  } else if (!history.last() && now - t0 >= history.start()) {
    history.end_by_gateway(RunStatus::abandoned, "no_agent");
  } else if (history.last() && now - history.lease_end() >= history.last()->takeover) {
    history.end_by_gateway(RunStatus::abandoned, "agent_lost");
  } else if (now >= history.life_end()) {
    history.end_by_gateway(RunStatus::failed, "deadline");
  }
}

}  // namespace gw::run
