// The registry over several partitions. A user's connections are all in his, so that his limit is exact; one
// without a user is in that of its id. Control loop only.
#pragma once

#include "engine/redis/partitioned/whereabouts.h"

namespace gw::redis::partitioned {

class Registry final : public gw::Registry {
 public:
  // They outlive it.
  Registry(EventLoop& loop, const Partitions& partitions);

  void on_evicted(OnEvicted callback) override;
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
  // Of partitions that are away nothing is counted.
  void count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done) override;

  // Null: it is not on this instance.
  const ConnectionRecord* find_local(const ConnectionId& id) const;
  // The partition that has the record.
  size_t place_of(const ConnectionRecord& record) const;
  // What others find connections by is written anew there.
  void on_forgotten(size_t place) { whereabouts_.rewrite(place); }

 private:
  // What finding one takes together.
  struct Finding {
    std::optional<Result<std::optional<ConnectionRecord>>> record = {};
    std::optional<Result<std::optional<size_t>>> place = {};
    Done<std::optional<ConnectionRecord>> done;
  };

  size_t place_of(const Session* session, const ConnectionId& id) const;
  // Null: it is not on this instance.
  redis::Registry* holder(const ConnectionId& id) const;
  void move(const ConnectionId& id, SessionPtr session, size_t per_user, Done<void> done);
  void on_found(const ConnectionId& id, Finding& finding);
  void select_all(const Selector& selector, Done<std::vector<ConnectionRecord>> done);

  const Partitions& partitions_;
  Whereabouts whereabouts_;
};

}  // namespace gw::redis::partitioned
