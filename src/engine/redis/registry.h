// The registry over Redis. Its own connections are kept here as well: they answer without a round trip, and
// what Redis forgets is written anew from them.
#pragma once

#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/registry.h"
#include "engine/memory/registry.h"
#include "engine/redis/connection_record.h"
#include "engine/redis/lease.h"
#include "engine/redis/one_at_a_time.h"

namespace gw::redis {

class Registry final : public gw::Registry {
 public:
  Registry(EventLoop& loop, Client& commands, Lease& lease, const Keys& keys, const ChannelTable& channels,
           PresenceCounts& presence);

  void on_evicted(OnEvicted callback) override { on_evicted_ = std::move(callback); }
  void add(ConnectionRecord record, const AdmissionLimits& limits, Done<void> done) override;
  void update(const ConnectionId& id, const ConnectionChange& change) override;
  void replace_session(const ConnectionId& id, SessionPtr session) override;
  void identify(const ConnectionId& id, SessionPtr session, const AdmissionLimits& limits,
                Done<void> done) override;
  void remove(const ConnectionId& id, uint16_t code) override;
  void find(const ConnectionId& id, Done<std::optional<ConnectionRecord>> done) override;
  void select(const Selector& selector, Done<std::vector<ConnectionRecord>> done) override;
  void list(const ConnectionFilter& filter, Done<ConnectionPage> done) override;
  void disconnect(const std::vector<ConnectionRecord>& records, const Disconnect& why,
                  Done<size_t> done) override;
  std::vector<ConnectionRecord> select_local(const Selector& selector) const override;
  void count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done) override;

  const ConnectionRecord* find_local(const ConnectionId& id) const { return local_.find_local(id); }
  // That are here, or ask to be.
  size_t load() const { return local_.size() + adding_; }
  // A connection of this instance is none here any more.
  void on_removed(std::function<void(const ConnectionId&)> callback) { on_removed_ = std::move(callback); }
  // One that another partition has goes on here: as add(), but nobody is told that it has come.
  void adopt(ConnectionRecord record, size_t per_user, Done<void> done);
  // The counterpart: it is not here any more, and nobody is told that it has gone.
  void release(const ConnectionId& id);
  // Writes every connection of this instance anew and takes out what is not one of them; then `done`.
  void rebuild(std::function<void()> done);
  // Runs through all connections once: their sessions may have ended while nobody could tell.
  void each_session(const std::function<void(const SessionPtr&)>& visit) const;
  // Sends what has collected; the command connection is back, or the end is near.
  void flush();
  // Other instances have let connections of this one give way to theirs: reads which.
  void take_evictions();

 private:
  struct Removal {
    ConnectionId id;
    uint16_t code;
  };

  // Within its user's limit; others may give way. resource_exhausted: there is no room. is_open: it is
  // connected already.
  void admit(const ConnectionRecord& record, size_t per_user, bool is_open, Done<void> done);
  void add_admitted(ConnectionRecord record, size_t per_user, bool is_open, Done<void> done);
  // What has to be left of a lease for its instance to count, in ms.
  std::string live_ms() const;
  void evict(const ConnectionId& id, std::string_view code);
  void evict(const ConnectionId& id, const Disconnect& why);
  void put(const std::vector<ConnectionRecord>& records, OnReply done);
  void put_next(std::shared_ptr<size_t> position, std::function<void()> done);
  void flush_moves();
  void flush_removals();
  void flush_changes();
  void renew_some();

  // --- Questions: registry_questions.cc ---
  struct Page {
    std::string next;  // the cursor; "0": there is no more
    std::vector<ConnectionRecord> records;
  };
  struct Gathering {
    std::string index;
    std::unordered_set<ConnectionId> seen;
    std::vector<ConnectionRecord> records;
    Done<std::vector<ConnectionRecord>> done;
  };
  void gather(const std::string& index, Done<std::vector<ConnectionRecord>> done);
  void gather_more(const std::shared_ptr<Gathering>& gathering, const std::string& cursor);
  std::string small_index(const ConnectionFilter& filter) const;
  std::optional<ConnectionRecord> record_of(const Reply& fields) const;
  void read_page(const std::string& index, const std::string& cursor, Done<Page> done);
  void leave_out_dead(std::vector<ConnectionRecord> records, Done<std::vector<ConnectionRecord>> done);
  void count_now(const std::string& tenant, bool per_user, Done<ConnectionCounts> done);

  EventLoop& loop_;
  Client& commands_;
  Lease& lease_;
  const Keys& keys_;
  const ChannelTable& channels_;
  const ConnectionRecords records_;
  memory::Registry local_;
  OnEvicted on_evicted_ = [](const ConnectionHandle&, const Disconnect&) {};
  std::function<void(const ConnectionId&)> on_removed_ = [](const ConnectionId&) {};
  size_t adding_ = 0;  // asked for, not answered
  std::unordered_set<ConnectionId> changed_;
  std::unordered_set<ConnectionId> moved_;  // have a fresh session
  std::vector<Removal> removals_;
  size_t renewal_position_ = 0;
  OneAtATime<ConnectionCounts> counts_;
  OneAtATime<std::vector<ConnectionRecord>> lists_;
  bool rebuilding_ = false;
  EventLoop::Registration flush_;
  EventLoop::Registration changes_;
  EventLoop::Registration renewal_;
};

}  // namespace gw::redis
