// A copy of a run in this process, and how it follows what Redis says of it. Pure.
//
// Said on Keys::run_changes(), by the scripts:
//   A <epoch> <from> <a> <b> <status>\n<bytes>   appended at `from`; a and b: the log's hash after it
//   E <epoch> <keep> <a> <b> in_progress\n       claimed: the epoch begins and keeps so many bytes
//   C <epoch>\n                                  somebody asked for its end
//   T <epoch> <from> <a> <b> <status>\n<bytes>   over, with its last bytes
//   R <epoch>\n                                  gone
// What is appended is taken from the message. For everything else, and when one was lost, the run is read.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/run/run_machine.h"
#include "engine/redis/run_record.h"

namespace gw::redis {

class RunReplica {
 public:
  // The whole log was read, and is what its hash says.
  static bool is_whole(const StoredRun& stored);
  // It is whole.
  explicit RunReplica(StoredRun stored);

  const Run& run() const { return run_; }
  // The highest epoch that it has heard of: a Redis that was replaced may have lost it.
  uint32_t epoch_known() const { return std::max(epoch_known_, run_.record.epoch); }
  // False: what it says, or what was lost before it, has to be read, from next_read() on.
  bool hear(std::string_view message, WallTime now, run::Changes& changes);
  uint64_t next_read() const { return is_broken_ ? 0 : run_.log.size(); }
  // Nothing was heard since the read was asked for. Not empty: it has to be read again, from there on.
  std::optional<uint64_t> catch_up(StoredRun stored, run::Changes& changes);
  // There is no record any more.
  void go(run::Changes& changes);
  // Whether it is as far as Redis; then the times are taken over.
  bool agrees(const RunTop& top, bool cancel_requested) const;
  void take_times(WallTime lease_until, WallTime last_byte_at);

 private:
  bool append(uint32_t epoch, uint64_t from, RunHash hash, std::string_view bytes, WallTime now,
              run::Changes& changes);
  std::optional<uint64_t> catch_up_expired(StoredRun stored, run::Changes& changes);
  void reload(StoredRun stored, run::Changes& changes);
  void take(StoredRun stored, uint64_t common, run::Changes& changes);

  // Of a run that was removed nobody can read how it ended.
  struct LastWords {
    RunStatus status = RunStatus::cancelled;
    uint32_t epoch = 0;
    uint64_t from = 0;
    RunHash hash;  // behind the bytes: they may be another's
    std::string bytes;
    WallTime at{};
  };

  Run run_;
  uint32_t epoch_known_ = 0;
  std::optional<LastWords> last_words_;
  bool is_broken_ = false;  // what it has is not what Redis has
};

}  // namespace gw::redis
