// The replicas of runs that somebody here reads, and who does. A replica subscribes, then reads, then takes
// what came meanwhile; while it is there, attaching and catching up cost no command. Every other second each
// is compared with Redis, all of them spread over that time, which finds what Pub/Sub has lost. Control loop
// only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/run_store.h"
#include "engine/redis/run_places.h"
#include "engine/redis/run_reads.h"
#include "engine/redis/run_replica.h"

namespace gw::redis {

class RunReplicas {
 public:
  // Nobody has read it for so long: it goes.
  static constexpr Duration kUnread = 30s;
  static constexpr Duration kCompareEvery = 2s;

  struct Parts {
    EventLoop& loop;
    const RunPlaces& places;
    const ChannelTable& channels;
  };
  RunReplicas(const Parts& parts, size_t bytes_max) : parts_(parts), bytes_max_(bytes_max) {}

  // As RunStore::read().
  uint64_t read(const std::string& run_id, std::weak_ptr<RunReader> reader, RunDone<const Run*> done);
  void end_reading(uint64_t id);
  const Run* run_of_reading(uint64_t id) const;

  // What Redis has of it now; its replica is another's matter.
  void find(const std::string& run_id, RunDone<const Run*> done);
  // Of the replica; null: there is none.
  const Run* known(const std::string& run_id) const;
  // The highest that it has heard of; 0: there is none.
  uint32_t epoch_known(const std::string& run_id) const;

  // Everything there is subscribed (again): something may have been missed.
  void on_subscribed(size_t place);
  void tick(TimePoint now);
  // Redis's clock, as it was last heard.
  WallTime now() const;
  void heard_clock(WallTime now);

  size_t open() const;
  size_t kept() const { return open_.size(); }
  size_t bytes() const { return bytes_; }
  size_t readers() const { return readings_.size(); }
  uint64_t reloads() const { return reloads_; }

 private:
  struct Open {
    Open(std::string id, const RunPlace& at) : run_id(std::move(id)), place(at) {}
    const std::string run_id;
    const RunPlace& place;
    std::optional<RunReplica> replica;  // absent: it is being read for the first time
    std::vector<uint64_t> readers;
    std::deque<std::string> unheard;  // said while it is being read
    bool is_reading = false;
    bool is_behind = false;  // it could not be read
    TimePoint unread_since;
    size_t counted_bytes = 0;  // of bytes_
    bool is_dropped = false;
  };
  using Ptr = std::shared_ptr<Open>;
  struct Reading {
    Ptr open;
    std::weak_ptr<RunReader> reader;
    RunDone<const Run*> done;  // empty: it was called
  };

  void subscribe(const Ptr& open);
  void hear(const Ptr& open, std::string_view message);
  void load(const Ptr& open, uint64_t from);
  void on_loaded(const Ptr& open, Result<std::optional<StoredRun>> read);
  // Empty: it has to be read again.
  bool take(const Ptr& open, StoredRun stored);
  void drain(const Ptr& open);
  void tell(const Ptr& open, const run::Changes& changes);
  void answer(const Ptr& open);
  void fail(const Ptr& open, const RunRefusal& refusal);
  void drop(const Ptr& open);
  void compare_some(TimePoint now);
  void compare(const Ptr& open);
  void on_top(const Ptr& open, const std::optional<StoredTop>& top);
  void drop_unread(TimePoint now);
  bool has_room();
  void count(const Ptr& open);
  std::vector<Ptr> all() const;
  bool is_here(const Ptr& open) const;
  RunsRead reads(const std::string& run_id) const { return {parts_.places.of(run_id), parts_.channels}; }

  const Parts parts_;
  const size_t bytes_max_;
  std::map<std::string, Ptr, std::less<>> open_;
  std::map<uint64_t, Reading> readings_;
  size_t bytes_ = 0;  // of all their logs: ten thousand that come at once each ask for room
  uint64_t last_reading_ = 0;
  TimePoint compared_at_;
  double compares_owed_ = 0;   // of those that were open for so long as it took
  std::string compared_last_;  // a run id
  TimePoint dropped_at_;
  std::chrono::milliseconds clock_ahead_{};
  uint64_t reloads_ = 0;
};

}  // namespace gw::redis
