// The registry of a gateway that runs alone.
#pragma once

#include <array>
#include <functional>
#include <unordered_map>
#include <vector>

#include "core/presence_counts.h"
#include "core/registry.h"

namespace gw::memory {

class Registry final : public gw::Registry {
 public:
  // `presence` is told of every connection and its channels, and outlives it.
  Registry(const ChannelTable& channels, std::string instance_id, PresenceCounts& presence);

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

  // Null when it is not here.
  const ConnectionRecord* find_local(const ConnectionId& id) const;
  size_t size() const { return rows_by_id_.size(); }
  // Every connection, a few at a time: visits at most `max` from `position` on; answers where to go on, 0 at
  // the end.
  size_t visit(size_t position, size_t max,
               const std::function<void(const ConnectionRecord&)>& visitor) const;

 private:
  using Row = uint32_t;
  // Name of a user or session to the rows of its connections; a name without rows is not kept.
  using Index = std::unordered_map<std::string, std::vector<Row>>;

  bool make_room(const ConnectionRecord& newcomer, size_t per_user);
  const ConnectionRecord* at(Row row) const;
  // The rows that alone can be of the filter, in order; null: any may be.
  std::optional<std::vector<Row>> candidates(const ConnectionFilter& filter) const;
  void link(Row row);
  void unlink(Row row);
  static void insert(Index& index, const std::string& name, Row row);
  static void erase(Index& index, const std::string& name, Row row);
  static const std::vector<Row>* rows_of(const Index& index, const std::string& name);

  const ChannelTable& channels_;
  const std::string instance_id_;
  PresenceCounts& presence_;
  OnEvicted on_evicted_ = [](const ConnectionHandle&, const Disconnect&) {};
  std::vector<ConnectionRecord> rows_;  // free rows have no id in rows_by_id_
  std::vector<Row> free_rows_;
  std::unordered_map<ConnectionId, Row> rows_by_id_;
  Index rows_by_user_;
  Index rows_by_session_;  // by session_ref
  std::array<size_t, kChannelsMax> count_by_channel_{};
};

}  // namespace gw::memory
