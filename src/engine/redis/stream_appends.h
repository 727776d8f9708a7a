// What is appended to plain streams by way of this instance: in order, not too fast, and within the bytes of
// the realm that the stream counts for, which are reserved in steps beforehand. Control loop only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/rate_limit.h"
#include "core/stream_store.h"
#include "engine/redis/run_index.h"
#include "engine/redis/stream_calls.h"

namespace gw::redis {

class StreamAppends {
 public:
  struct Parts {
    EventLoop& loop;
    StreamCalls& calls;
    RunIndex& index;
    std::function<void(const std::vector<std::string>&)> expire;  // logs that make room
  };
  StreamAppends(const Parts& parts, const RunLimits& limits)
      : parts_(parts), limit_{limits.appends_per_second, limits.appends_burst} {}

  // As StreamStore::append_stream(). It has been read just now.
  void append(const RunTail& known, StreamAppend append, StreamDone<StreamAppended> done);
  // Those that have not been written for long are forgotten. Every second or so.
  void tick(TimePoint now);
  void add_stats(RunStats& stats) const;

 private:
  struct Batch {
    StreamAppend append;
    StreamDone<StreamAppended> done;
    std::optional<StreamErrc> no_room = {};  // unless it is a duplicate
  };
  struct Open {
    Open(const RateLimit& limit, TimePoint now) : rate(limit, now) {}
    RunRecord record;
    TokenBucket rate;
    TimePoint heard_at;
    uint64_t pos = 0;  // with what is on its way
    uint64_t reserved = 0;
    std::deque<Batch> queue;
    size_t sent = 0;         // and not answered
    bool is_asking = false;  // the first of the queue waits for room
  };
  using Ptr = std::shared_ptr<Open>;

  void pump(const Ptr& open);
  void reserve(const Ptr& open, uint64_t needed);
  void send(const Ptr& open);
  void on_answer(const Ptr& open, const Batch& batch, const Result<StreamAnswer>& answer);

  const Parts parts_;
  const RateLimit limit_;
  std::unordered_map<std::string, Ptr> open_;
  RunStats stats_;
};

}  // namespace gw::redis
