// The scripts of runs with what they take and answer. Control loop only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/redis/run_frames.h"
#include "engine/redis/run_places.h"
#include "engine/redis/run_reads.h"
#include "engine/redis/scripts.h"
#include "net/event_loop.h"

namespace gw::redis {

struct RunStoreOptions {
  RunLimits limits;
  Duration ack_wait = 30s;  // how long a group's delivery stays with a silent agent
};

// Since when Redis has been heard without a break, so that everybody who lives has had the time to renew his
// lease: an engine that slept ends nothing.
class RunAwake {
 public:
  explicit RunAwake(EventLoop& loop) : loop_(loop), looked_at_(loop.now()) {}

  void on_up() { since_ = loop_.now(); }
  // Every 100 ms or so. One that comes late: this process slept.
  void tick();
  std::chrono::milliseconds time() const;

 private:
  EventLoop& loop_;
  TimePoint since_ = TimePoint::max();
  TimePoint looked_at_;
};

class RunCalls {
 public:
  struct Parts {
    EventLoop& loop;
    const RunPlaces& places;
    const ChannelTable& channels;
  };
  using OnAnswer = std::function<void(const Result<RunAnswer>&)>;

  RunCalls(const Parts& parts, const RunStoreOptions& options)
      : parts_(parts), options_(options), awake_(parts.places.size(), RunAwake(parts.loop)) {}

  // `log`: what is known of it, for a claim that keeps a part, or begins another attempt; may be null.
  void claim(const std::string& run_id, const RunReach& reach, const RunClaim& claim, const Run* log,
             OnAnswer done);
  // Makes it, and claims it where it says so.
  void make(const NewRun& run, OnAnswer done);
  // `as`: of the run as it was read, whose owner `append` is. Where it has another now, the answer is
  // "other".
  void append(const std::string& run_id, const StoredRun& as, const RunAppend& append, bool may,
              OnAnswer done);
  // The same of a framed run: what its log gets, made for a log that was `seen` so. `refused`: with which
  // code to answer where nothing else is wrong; empty: none.
  struct Framed {
    std::string_view bytes;
    std::string seen;
    std::string_view refused;
  };
  void append(const std::string& run_id, const StoredRun& as, const RunAppend& append, const Framed& framed,
              OnAnswer done);
  void beat(const std::string& run_id, const RunReach& reach, const RunHeartbeat& heartbeat, OnAnswer done);
  // Of a framed run that ends with it, the log is read and the end written for it.
  enum class Settle : uint8_t { time, cancel, remove, expire, evict };
  void settle(const std::string& run_id, const RunReach& reach, Settle what, std::string_view reason,
              OnAnswer done);

  // Their logs make room.
  void expire(const std::vector<std::string>& run_ids);
  // It grows no more, or not now.
  void trim(const std::string& run_id, uint64_t bytes);
  // The record, and the log from there on; one read from behind its end has none.
  void read(const std::string& run_id, uint64_t from, std::function<void(RunResult<StoredRun>)> done);

  // The server of that partition is (back) there.
  void on_up(size_t place) { awake_[place].on_up(); }
  // Every 100 ms or so.
  void tick() {
    for (RunAwake& awake : awake_) awake.tick();
  }
  const RunStoreOptions& options() const { return options_; }
  Duration takeover_of(const RunClaim& claim) const;
  const std::string& channel_name(ChannelIndex channel) const { return parts_.channels.name(channel); }

 private:
  struct Settling;
  void claim(const std::string& run_id, const RunReach& reach, const RunClaim& claim, const Run* log,
             const NewRun* made, OnAnswer done);
  void settle(const std::shared_ptr<Settling>& settling, const RunFrames& frames);
  void look_at_log(const std::shared_ptr<Settling>& settling);

  std::string awake_ms(const RunPlace& place) const {
    return std::to_string(awake_[place.index].time().count());
  }

  const Parts parts_;
  const RunStoreOptions& options_;
  std::vector<RunAwake> awake_;  // by partition
};

}  // namespace gw::redis
