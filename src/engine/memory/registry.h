// The registry of a gateway that runs alone.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/row_groups.h"
#include "base/row_index.h"
#include "core/presence_counts.h"
#include "core/registry.h"

namespace gw::memory {

class Registry final : public gw::Registry {
 public:
  // `presence` is told of every connection and its channels, and outlives it.
  Registry(const ChannelTable& channels, std::string instance_id, PresenceCounts& presence);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

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
  struct Links {
    RowLinks of_user;
    RowLinks of_session;
  };
  // One of a hundred thousand: the indexes have no memory for it but a number each, and these links.
  struct Kept {
    ConnectionRecord record;
    std::unique_ptr<Links> links;  // null: it has no session
  };
  static_assert(sizeof(Kept) <= 112);
  using Rows = std::deque<Kept>;  // references stay

  struct IdOf {
    const Rows* rows;
    const ConnectionId& operator()(Row row) const { return (*rows)[row].record.id; }
  };
  // Of those with a session.
  struct UserOf {
    const Rows* rows;
    std::string_view operator()(Row row) const { return (*rows)[row].record.session->user_id; }
  };
  struct RefOf {
    const Rows* rows;
    std::string_view operator()(Row row) const { return (*rows)[row].record.session->ref; }
  };
  template <RowLinks Links::*links>
  struct LinksOf {
    Rows* rows;
    RowLinks& operator()(Row row) const { return (*(*rows)[row].links).*links; }
  };
  template <class NameOf, RowLinks Links::*links>
  using ByName = RowGroups<NameOf, LinksOf<links>, std::hash<std::string_view>>;

  bool make_room(const ConnectionRecord& newcomer, size_t per_user);
  const ConnectionRecord* at(Row row) const;
  // The rows that alone can be of the filter, in order; null: any may be.
  std::optional<std::vector<Row>> candidates(const ConnectionFilter& filter) const;
  void link(Row row);
  void unlink(Row row);

  const ChannelTable& channels_;
  const std::string instance_id_;
  PresenceCounts& presence_;
  OnEvicted on_evicted_ = [](const ConnectionHandle&, const Disconnect&) {};
  Rows rows_;  // free rows are not in rows_by_id_
  std::vector<Row> free_rows_;
  RowIndex<IdOf, std::hash<ConnectionId>> rows_by_id_{IdOf{&rows_}};
  ByName<UserOf, &Links::of_user> rows_by_user_{UserOf{&rows_}, {&rows_}};
  ByName<RefOf, &Links::of_session> rows_by_session_{RefOf{&rows_}, {&rows_}};
  std::array<size_t, kChannelsMax> count_by_channel_{};
};

}  // namespace gw::memory
