// Plain streams of all instances, in Redis. Its scripts decide (stream_scripts.cc); they are read as runs are
// (run_store.h). Control loop only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/stream_store.h"
#include "engine/redis/run_calls.h"
#include "engine/redis/run_removals.h"
#include "engine/redis/stream_appends.h"

namespace gw::redis {

class StreamStore final : public gw::StreamStore {
 public:
  struct Parts {
    EventLoop& loop;
    const RunPlaces& places;
    RunCalls& calls;
    RunIndex& index;
    RunRemovals& removals;
  };
  explicit StreamStore(const Parts& parts);

  void put_stream(NewStream stream, StreamDone<StreamMade> done) override;
  void append_stream(const RunTail& known, const RunReach& reach, StreamAppend append,
                     StreamDone<StreamAppended> done) override;
  void remove_stream(const std::string& id, const RunReach& reach, StreamDone<void> done) override;
  void touch_stream(const RunRecord& record) override;

  // Every second or so.
  void tick(TimePoint now) { appends_.tick(now); }
  void add_stats(RunStats& stats) const { appends_.add_stats(stats); }

 private:
  // One that is being made: first it is counted, then written.
  struct Making {
    NewStream stream;
    StreamDone<StreamMade> done;
    std::vector<RunBound> bounds;
    std::vector<bool> is_new;  // counted for that bound just now
    size_t waits = 0;          // answers that have not come
    std::optional<StreamRefusal> refusal;
    int tries = 0;
  };
  using Ptr = std::shared_ptr<Making>;

  void begin(const Ptr& making);
  void on_counted(const Ptr& making, size_t i, const Result<RunIndex::Counted>& counted);
  void on_waited(const Ptr& making);
  void write(const Ptr& making);
  void on_written(const Ptr& making, const Result<StreamAnswer>& answer);
  void compare(const Ptr& making);
  void write_again(const Ptr& making);
  void uncount(const Making& making);

  const Parts parts_;
  StreamCalls calls_;
  StreamAppends appends_;
};

}  // namespace gw::redis
