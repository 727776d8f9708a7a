// Interface: the runs of all instances (core/run/run.h). Control loop only: every call and every callback
// happens there, and each `done` is called exactly once, by the memory engine before the call returns. A
// refusal says what the run is then, where the caller may know.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/run/run.h"

namespace gw {

// What the holder of a key can reach; everything else does not exist.
struct RunReach {
  ChannelSet channels = ChannelSet::all();
  std::string tenant_id = {};  // empty: all
  std::string realm = {};      // empty: all; runs that another realm has made are out of reach
  bool streams = false;        // plain streams, too: of who only reads
};

inline bool reaches(const RunReach& reach, const RunRecord& run) {
  const bool may_be = run.rare->stream ? reach.streams : reach.channels.contains(run.channel);
  return may_be && (reach.tenant_id.empty() || reach.tenant_id == run.tenant_id) &&
         (!run.is_realms || reach.realm.empty() || reach.realm == run.realm);
}

// Newest first. An empty string and an absent value: any.
struct RunFilter {
  RunReach reach = {};
  std::optional<ChannelIndex> channel = {};
  std::string thread_id = {};
  std::optional<RunStatus> status = {};
  std::string after = {};  // a run id, or a list's `after`: those behind it
  size_t limit = 100;
};

struct RunList {
  std::vector<RunRecord> runs;
  // Where the next list goes on; empty: there are no more. Not always a run's id: it looks at so many and no
  // more (RunLimits::list_looks), and the last of them may be none that the caller may know.
  std::string after;
};
// Of `after`: a place, in the engine's own number.
std::string run_list_place(uint64_t number);
std::optional<uint64_t> parse_run_list_place(std::string_view after);

// The end of a run's log.
struct RunTail {
  RunRecord record;
  RunTop top;
  RunResume resume;   // of the cursor that was asked for
  std::string bytes;  // from the cursor on, where that fits
  bool is_expired = false;
};

struct RunStats {
  size_t open = 0;  // that this instance holds or has a replica of
  size_t kept = 0;
  size_t bytes = 0;  // of logs here
  size_t readers = 0;
  uint64_t appends_total = 0;
  uint64_t appended_bytes_total = 0;
  uint64_t duplicates_total = 0;
  uint64_t claims_total = 0;
  uint64_t refusals_total = 0;
  uint64_t reloads_total = 0;                // replicas that had to be read anew
  std::array<uint64_t, 6> ended_total = {};  // by RunStatus, counted where the ending was done
};

// Hears each change of a run. The store calls it and never owns it. It may call the store, and may drop its
// own handle.
class RunReader {
 public:
  virtual ~RunReader() = default;
  // `run` is as it is after the change, or after later ones too, which it will hear of.
  virtual void on_run_changed(const Run& run, const RunChange& change) = 0;
};

// A run was made with `push`, on whichever instance. Empty: some may have been missed.
struct RunPushed {
  std::string run_id = {};
  RunAudience audience = {};
};

// One whose trace is kept is over.
struct RunEnded {
  std::string channel = {};
  RunTop top = {};
  std::string error = {};  // its code; empty: none
  RunTrace trace = {};
  WallTime created_at, ended_at;  // by the engine's clock
};

class RunStore;

// Somebody reads a run, from the call on. When it goes neither its `done` nor its reader is called any more.
class RunReading {
 public:
  RunReading() = default;
  RunReading(RunStore& store, uint64_t id) : store_(&store), id_(id) {}
  RunReading(RunReading&& other) noexcept : store_(std::exchange(other.store_, nullptr)), id_(other.id_) {}
  RunReading& operator=(RunReading&& other) noexcept {
    std::swap(store_, other.store_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~RunReading() { reset(); }
  void reset();
  // What its reader has heard of so far: until the next change, or the next call of the store. Null before
  // `done`, and once the run is gone.
  const Run* run() const;
  explicit operator bool() const { return store_ != nullptr; }

 private:
  RunStore* store_ = nullptr;
  uint64_t id_ = 0;
};

class RunStore {
 public:
  virtual ~RunStore() = default;

  // Queued, or claimed by its maker in the same step. The same run_id and token again is no error; nor is
  // asked_as of a run that is open: nothing is made then, and the answer names that run.
  // exists, too_many_runs, resource_exhausted, unavailable (it may be there).
  virtual void create(NewRun run, RunDone<RunCreated> done) = 0;
  // The message that asked for it was refused: it is gone and nobody was told of it. Never an error.
  virtual void withdraw(const std::string& run_id) = 0;

  // As run_machine.h says, and not_found, rate_limited, resource_exhausted, unavailable.
  virtual void claim(const std::string& run_id, const RunReach& reach, RunClaim claim,
                     RunDone<RunClaimed> done) = 0;
  virtual void append(const std::string& run_id, const RunReach& reach, RunAppend append,
                      RunDone<RunAppended> done) = 0;
  virtual void heartbeat(const std::string& run_id, const RunReach& reach, RunHeartbeat heartbeat,
                         RunDone<RunBeat> done) = 0;
  virtual void cancel(const std::string& run_id, const RunReach& reach, std::string reason,
                      RunDone<RunCancelled> done) = 0;
  // An open one is cancelled first, so that its readers hear of its end.
  virtual void remove(const std::string& run_id, const RunReach& reach, RunDone<void> done) = 0;

  // `run` is valid within `done` only.
  virtual void find(const std::string& run_id, const RunReach& reach, RunDone<const Run*> done) = 0;
  // The same for who needs no bytes of the log, at the cost of the record alone: size() and hash() are right.
  virtual void find_record(const std::string& run_id, const RunReach& reach, RunDone<const Run*> done) = 0;
  // The same with what stands behind the cursor, at the cost of that alone; without one: behind its end.
  virtual void find_tail(const std::string& run_id, const RunReach& reach,
                         const std::optional<RunCursor>& cursor, RunDone<RunTail> done) = 0;
  virtual void list(const RunFilter& filter, RunDone<RunList> done) = 0;
  // The latest run of a thread. `channel`: of an audience that is a channel's.
  virtual void find_thread(const RunAudience& audience, ChannelIndex channel, std::string_view thread_id,
                           RunDone<std::string> done) = 0;

  // Whoever is of the audience of a run that is made with `push` should read it. Called for those made from
  // now on; what is open already is found by its audience, the newest kPushedMost, latest first.
  static constexpr size_t kPushedMost = 64;
  virtual void on_pushed(std::function<void(const RunPushed&)> pushed) = 0;
  virtual void find_pushed(const RunAudience& audience, RunDone<std::vector<std::string>> done) = 0;

  // A run whose trace is kept is over, and a call or a look of this instance has ended it: told once for
  // each, on one instance; on none where that one never heard that it had. Not of one that was withdrawn.
  virtual void on_ended(std::function<void(const std::string& run_id, const RunEnded& ended)> ended) = 0;

  // `reader` hears every change after what `done` is given. No reach: the caller asks whether its reader may
  // (run::may_see). not_found, unavailable: the handle is empty then, or means nothing.
  [[nodiscard]] virtual RunReading read(const std::string& run_id, std::weak_ptr<RunReader> reader,
                                        RunDone<const Run*> done) = 0;

  // The engine's clock, as well as this process knows it: for what is shown, never for what is decided.
  virtual WallTime now() const = 0;
  virtual RunStats stats() const = 0;
  // The process is about to end. The memory engine ends its open runs (gateway_stopped).
  virtual void stop() = 0;

 protected:
  friend class RunReading;
  virtual void end_reading(uint64_t id) = 0;
  virtual const Run* run_of_reading(uint64_t id) const = 0;
};

inline void RunReading::reset() {
  if (RunStore* const store = std::exchange(store_, nullptr)) store->end_reading(id_);
}

inline const Run* RunReading::run() const { return store_ ? store_->run_of_reading(id_) : nullptr; }

}  // namespace gw
