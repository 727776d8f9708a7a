// Where the records of this instance's connections are, and for others, by ids alone, of all: the record of a
// user's is in his partition, and a small key in that of its id says so. The key ends by itself after an
// hour, is renewed until the connection goes, and is written anew when Redis has forgotten it. Control loop
// only.
#pragma once

#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/redis/partitions.h"

namespace gw::redis::partitioned {

class Whereabouts {
 public:
  // They outlive it.
  Whereabouts(EventLoop& loop, const Partitions& partitions);

  // A connection of this instance has its record there from now on. `done` when others can know.
  void put(const ConnectionId& id, size_t place, std::function<void()> done);
  // It is gone.
  void forget(const ConnectionId& id);
  // Of one of this instance.
  std::optional<size_t> local(const ConnectionId& id) const;
  // The partition of its id, where it is looked for.
  size_t home(const ConnectionId& id) const { return partitions_.index_of(id.text()); }
  // What `home` says of one of any instance; none: nothing.
  void ask(const ConnectionId& id, Done<std::optional<size_t>> done);
  // That partition has forgotten.
  void rewrite(size_t home);

  // Keys that will be written anew in their time, and some that will not.
  size_t renewals() const { return renewals_.size(); }

 private:
  struct Place {
    size_t home;  // of its id
    size_t at;    // its record
    TimePoint written_at;
  };
  struct Renewal {
    TimePoint written_at;
    ConnectionId id;
  };

  void write(const ConnectionId& id, Place& place, std::function<void()> done);
  bool is_stale(const Renewal& renewal) const;
  void drop_stale();
  void tick();

  EventLoop& loop_;
  const Partitions& partitions_;
  std::unordered_map<ConnectionId, Place> places_;
  std::deque<Renewal> renewals_;                          // in the order of their times
  std::vector<std::unordered_set<ConnectionId>> missed_;  // by home: to be written
  EventLoop::Registration tick_;
};

}  // namespace gw::redis::partitioned
