// A shard without a thread: its turns are those of the control loop. Where there is one processor for both, a
// message that crosses to another thread and back costs two sleeps and two wakes, and gains nothing.
#pragma once

#include <functional>
#include <span>

#include "gateway/inter_thread.h"
#include "gateway/mailbox.h"
#include "gateway/shard.h"
#include "net/event_loop.h"

namespace gw {

class ResidentShard {
 public:
  // All outlive it. The shard waits with the loop's poller.
  struct Parts {
    EventLoop& loop;
    Shard& shard;
    Mailbox<ShardEvent>& control;
    std::function<void()> take_events;    // of `control`
    std::function<void()> post_commands;  // to the shard
  };

  explicit ResidentShard(Parts parts);
  // The shard is told to stop before.
  ~ResidentShard();

 private:
  void begin_turn(std::span<const epoll_event> events);
  void end_turn();
  void wake_at(TimePoint when);

  Parts parts_;
  bool begun_ = false;  // in this turn of the loop
  TimePoint wakes_at_ = TimePoint::max();
  EventLoop::Registration events_;
  EventLoop::Registration turn_end_;
  EventLoop::Registration timer_;
};

}  // namespace gw
