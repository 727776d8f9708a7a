#include "gateway/resident_shard.h"

#include <algorithm>
#include <utility>

namespace gw {
namespace {

// What they have said is gone before others are read: it stays in the cache.
constexpr size_t kClientsAtOnce = 8;

}  // namespace

ResidentShard::ResidentShard(Parts parts) : parts_(std::move(parts)) {
  parts_.control.need_no_wake();
  parts_.shard.inbox().need_no_wake();
  events_ = parts_.loop.on_others([this](std::span<const epoll_event> events) { begin_turn(events); });
  turn_end_ = parts_.loop.on_turn_end([this] { end_turn(); });
  wake_at(parts_.loop.now());
}

ResidentShard::~ResidentShard() {
  parts_.shard.end_turn();
  parts_.shard.say_goodbye();
}

// What clients have said is with the engine, and what agents get of it in their streams, before the turn
// ends.
void ResidentShard::begin_turn(std::span<const epoll_event> events) {
  begun_ = true;
  do {
    const size_t some = std::min(events.size(), kClientsAtOnce);
    parts_.shard.begin_turn(events.first(some));
    events = events.subspan(some);
    parts_.take_events();
  } while (!events.empty());
}

void ResidentShard::end_turn() {
  parts_.post_commands();
  const bool is_asked = parts_.shard.inbox().size() > 0;
  if (!begun_ && !is_asked && parts_.loop.now() < parts_.shard.next_due())
    return wake_at(parts_.shard.next_due());
  if (!begun_) begin_turn({});
  begun_ = false;
  parts_.post_commands();
  parts_.shard.end_turn();
  // Who has left, say: in a turn of its own, since other hooks may have run already.
  wake_at(parts_.control.size() > 0 ? parts_.loop.now() : parts_.shard.next_due());
}

void ResidentShard::wake_at(TimePoint when) {
  if (when == std::exchange(wakes_at_, when)) return;
  const TimePoint now = parts_.loop.now();
  timer_ = parts_.loop.after(std::max(Duration::zero(), when - now), [this] {
    wakes_at_ = TimePoint::max();
    parts_.take_events();
  });
}

}  // namespace gw
