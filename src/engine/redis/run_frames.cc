#include "engine/redis/run_frames.h"

#include <utility>

namespace gw::redis {
namespace {

std::string text_of(uint64_t number) { return std::to_string(number); }

}  // namespace

std::string log_at(uint64_t pos, RunHash hash) {
  return text_of(pos) + " " + text_of(hash.first) + " " + text_of(hash.second);
}

RunHash hash_power(size_t length) { return RunHash{1, 1}.then(RunHash(), length); }

void RunFrames::add(std::string_view when, const std::string& bytes) {
  const RunHash hash = RunHash::of(bytes), power = hash_power(bytes.size());
  words_.keep(std::string(when));
  words_.keep(bytes);
  for (const uint32_t number : {hash.first, hash.second, power.first, power.second})
    words_.keep(text_of(number));
}

void RunFrames::add_end(const protocol::RunFraming& framing, RunStatus status, const RunError& error) {
  protocol::RunFraming ended = framing;
  add(error.code, ended.end(run::framed_end(status, error)));
}

// As the scripts word them.
RunFrames RunFrames::endings(const StoredRun& run, std::string_view reason) {
  RunFrames frames;
  const RunRecord& record = run.record;
  if (!is_framed(record.format)) return frames;
  frames.seen_ = log_at(run.pos, run.hash);
  const protocol::RunFraming framing = run::framing_of(record.format, run.bytes);
  frames.add_end(framing, RunStatus::cancelled, {"cancelled", std::string(reason)});
  frames.add_end(framing, RunStatus::abandoned, {"no_agent", "no agent took the run"});
  frames.add_end(framing, RunStatus::abandoned,
                 {"agent_lost", "the agent is gone and no other took the run over"});
  frames.add_end(framing, RunStatus::failed, {"deadline", "the run took longer than a run may"});
  return frames;
}

RunFrames RunFrames::openings(const Run& run, const RunClaim& claim) {
  RunFrames frames;
  const RunRecord& record = run.record;
  if (!is_framed(record.format) || run.log.is_expired()) return frames;
  frames.seen_ = log_at(run.log.size(), run.log.hash());
  const protocol::RunFraming framing = run::framing_of(record.format, run.log.bytes());
  const auto [from, to] = framing.opening();
  const auto opening = run::begin_attempt(framing, run.log.bytes(from, to), record.bytes_max);
  if (claim.keep && opening) frames.add("opening", opening->bytes);
  frames.add_end(framing, RunStatus::failed, {"too_many_claims", "the run was claimed too often"});
  return frames;
}

// --- What an instance knows of a log that it writes -------------------------------------------------------

bool RunFold::take(const StoredRun& run) {
  const bool goes_on = framing_ && run.from == framing_->pos();
  const RunHash before = goes_on ? hash_ : RunHash();
  const bool fits = (goes_on || run.from == 0) && run.from + run.bytes.size() == run.pos &&
                    before.then(run.bytes) == run.hash;
  if (!fits) {
    forget();
    return false;
  }
  if (goes_on) {
    framing_->fold(run.bytes);
  } else {
    framing_ = run::framing_of(run.record.format, run.bytes);
  }
  hash_ = run.hash;
  next_seq_ = run.record.batches.next();
  return true;
}

void RunFold::wrote(run::FramedBatch framed, RunHash hash, uint64_t next_seq) {
  framing_ = std::move(framed.after);
  hash_ = hash;
  next_seq_ = next_seq;
}

}  // namespace gw::redis
