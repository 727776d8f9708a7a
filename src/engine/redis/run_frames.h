// What scripts add to the log of a framed run (core/run/framing.h). This process makes it for the log as it
// has read it, since Redis would have to read the whole log; a script that finds another says so. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/run/framing.h"
#include "engine/redis/run_record.h"
#include "engine/redis/words.h"

namespace gw::redis {

// A log's place and hash, as scripts compare it.
std::string log_at(uint64_t pos, RunHash hash);
// B^length, as scripts add bytes to a hash.
RunHash hash_power(size_t length);

// What a log may get, each under the word for when.
class RunFrames {
 public:
  // Of a log that was not read, or has no frames.
  RunFrames() = default;
  RunFrames(RunFrames&&) = default;  // its words are views into itself
  RunFrames& operator=(RunFrames&&) = default;
  // All that the gateway may end such a run with. `reason`: of a cancel.
  static RunFrames endings(const StoredRun& run, std::string_view reason);
  // Of a claim: another attempt, where it asks for one, and the last epoch.
  static RunFrames openings(const Run& run, const RunClaim& claim);

  std::string_view seen() const { return seen_; }
  std::span<const std::string_view> all() const { return words_.all(); }

 private:
  void add(std::string_view when, const std::string& bytes);
  void add_end(const protocol::RunFraming& framing, RunStatus status, const RunError& error);

  std::string seen_;
  Words words_;
};

// The log of a framed run whose owner speaks to this instance, as far as it was read or written here.
class RunFold {
 public:
  // Where the next read has to begin.
  uint64_t pos() const { return framing_ ? framing_->pos() : 0; }
  // False: what was read does not go on from there; it has to be read from the start.
  bool take(const StoredRun& run);
  void forget() { framing_.reset(); }
  // `framed` was stored, and the log has that hash then.
  void wrote(run::FramedBatch framed, RunHash hash, uint64_t next_seq);

  const std::optional<protocol::RunFraming>& framing() const { return framing_; }
  uint64_t next_seq() const { return next_seq_; }
  // What the script has to find (scripts::append_framed_run).
  std::string seen() const { return log_at(pos(), hash_) + " " + std::to_string(next_seq_); }

 private:
  std::optional<protocol::RunFraming> framing_;
  RunHash hash_;
  uint64_t next_seq_ = 0;
};

}  // namespace gw::redis
