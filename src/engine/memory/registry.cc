#include "engine/memory/registry.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "core/list.h"

namespace gw::memory {

Registry::Registry(const ChannelTable& channels, std::string instance_id, PresenceCounts& presence)
    : channels_(channels), instance_id_(std::move(instance_id)), presence_(presence) {}

void Registry::add(ConnectionRecord record, const AdmissionLimits& limits, Done<void> done) {
  if (rows_by_id_.size() >= limits.total)
    return done(Error{Errc::failed_precondition, "the instance is full"});
  if (record.session && limits.per_user > 0 && !make_room(record, limits.per_user)) {
    return done(Error{Errc::resource_exhausted, "too many connections of this user"});
  }
  Row row = static_cast<Row>(rows_.size());
  if (free_rows_.empty()) {
    rows_.emplace_back();
  } else {
    row = free_rows_.back();
    free_rows_.pop_back();
  }
  const bool inserted = rows_by_id_.emplace(record.id, row).second;
  ASSERT(inserted);
  rows_[row] = std::move(record);
  link(row);
  done({});
}

// False: the user has all it may in this tenant, and none of them gives way.
bool Registry::make_room(const ConnectionRecord& newcomer, size_t per_user) {
  const std::vector<Row>* rows = rows_of(rows_by_user_, newcomer.session->user_id);
  if (!rows || rows->size() < per_user) return true;
  size_t held = 0;
  const ConnectionRecord* same = nullptr;
  const ConnectionRecord* silent = nullptr;
  const auto take_older = [](const ConnectionRecord*& old, const ConnectionRecord& record) {
    if (!old || record.connected_at < old->connected_at) old = &record;
  };
  for (const Row row : *rows) {
    const ConnectionRecord& record = rows_[row];
    if (record.tenant_id() != newcomer.tenant_id()) continue;
    ++held;
    const bool same_client = !record.client_id.empty() && record.client_id == newcomer.client_id;
    if (same_client && record.session->ref == newcomer.session->ref) take_older(same, record);
    if (record.pong_owed_since && newcomer.connected_at - *record.pong_owed_since > kPongPatience)
      take_older(silent, record);
  }
  if (held < per_user) return true;
  const ConnectionRecord* evicted = same ? same : silent;
  if (!evicted) return false;
  const Disconnect why = same ? disconnect::replaced : disconnect::stale;
  const ConnectionHandle handle = evicted->handle;
  remove(ConnectionId(evicted->id), why.code);
  on_evicted_(handle, why);
  return true;
}

void Registry::update(const ConnectionId& id, const ConnectionChange& change) {
  const auto it = rows_by_id_.find(id);
  if (it == rows_by_id_.end()) return;
  ConnectionRecord& record = rows_[it->second];
  presence_.move(record, change.channels);
  change.channels.without(record.channels).for_each([&](ChannelIndex c) { ++count_by_channel_[c]; });
  record.channels.without(change.channels).for_each([&](ChannelIndex c) { --count_by_channel_[c]; });
  record.channel = change.channel;
  record.channels = change.channels;
  record.last_activity = change.last_activity;
  record.last_heartbeat = change.last_heartbeat;
  record.pong_owed_since = change.pong_owed_since;
}

void Registry::replace_session(const ConnectionId& id, SessionPtr session) {
  const auto it = rows_by_id_.find(id);
  if (it == rows_by_id_.end()) return;
  unlink(it->second);
  rows_[it->second].session = std::move(session);
  link(it->second);
}

void Registry::identify(const ConnectionId& id, SessionPtr session, const AdmissionLimits& limits,
                        Done<void> done) {
  const ConnectionRecord* const found = find_local(id);
  if (!found) return done(Error{Errc::not_found, "the connection is gone"});
  ConnectionRecord newcomer = *found;
  newcomer.session = session;
  if (limits.per_user > 0 && !make_room(newcomer, limits.per_user))
    return done(Error{Errc::resource_exhausted, "too many connections of this user"});
  replace_session(id, std::move(session));
  done({});
}

void Registry::remove(const ConnectionId& id, uint16_t) {
  const auto it = rows_by_id_.find(id);
  if (it == rows_by_id_.end()) return;
  const Row row = it->second;
  unlink(row);
  rows_by_id_.erase(it);
  rows_[row] = ConnectionRecord{};
  free_rows_.push_back(row);
}

void Registry::find(const ConnectionId& id, Done<std::optional<ConnectionRecord>> done) {
  const ConnectionRecord* found = find_local(id);
  done(found ? std::optional(*found) : std::nullopt);
}

void Registry::select(const Selector& selector, Done<std::vector<ConnectionRecord>> done) {
  done(select_local(selector));
}

// A connection keeps its row while it lives: a row is the place in the list.
void Registry::list(const ConnectionFilter& filter, Done<ConnectionPage> done) {
  Row place = 0;
  if (!filter.after.empty()) {
    const char* const end = filter.after.data() + filter.after.size();
    const auto [stopped, error] = std::from_chars(filter.after.data(), end, place);
    if (error != std::errc() || stopped != end) return done(Error{Errc::invalid_argument, kUnknownPlace});
  }
  ConnectionPage page;
  if (!filter.gateway.empty() && filter.gateway != instance_id_) return done(std::move(page));
  const std::optional<std::vector<Row>> some = candidates(filter);
  const size_t first =
      some ? static_cast<size_t>(std::lower_bound(some->begin(), some->end(), place) - some->begin()) : place;
  const size_t size = some ? some->size() : rows_.size();
  for (size_t i = first; i < size; ++i) {
    const Row row = some ? (*some)[i] : static_cast<Row>(i);
    if (page.records.size() == filter.limit || i - first == kListLooks) {
      page.after = std::to_string(row);
      break;
    }
    const ConnectionRecord* record = at(row);
    if (record && filter.admits(*record)) page.records.push_back(*record);
  }
  done(std::move(page));
}

std::optional<std::vector<Registry::Row>> Registry::candidates(const ConnectionFilter& filter) const {
  if (filter.user_id.empty() && filter.session_ref.empty()) return std::nullopt;
  const std::vector<Row>* rows = filter.session_ref.empty() ? rows_of(rows_by_user_, filter.user_id)
                                                            : rows_of(rows_by_session_, filter.session_ref);
  if (!rows) return std::vector<Row>();
  std::vector<Row> sorted = *rows;
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

void Registry::disconnect(const std::vector<ConnectionRecord>& records, const Disconnect& why,
                          Done<size_t> done) {
  size_t told = 0;
  for (const ConnectionRecord& record : records) {
    const ConnectionRecord* const found = find_local(record.id);
    if (!found) continue;
    const ConnectionHandle handle = found->handle;
    remove(record.id, why.code);
    on_evicted_(handle, why);
    ++told;
  }
  done(told);
}

// Null: nobody has it now.
const ConnectionRecord* Registry::at(Row row) const {
  const auto it = rows_by_id_.find(rows_[row].id);
  return it == rows_by_id_.end() || it->second != row ? nullptr : &rows_[row];
}

const ConnectionRecord* Registry::find_local(const ConnectionId& id) const {
  const auto it = rows_by_id_.find(id);
  return it == rows_by_id_.end() ? nullptr : &rows_[it->second];
}

std::vector<ConnectionRecord> Registry::select_local(const Selector& selector) const {
  std::vector<ConnectionRecord> found;
  if (const auto* by_channel = std::get_if<ByChannel>(&selector)) {
    for (const auto& [id, row] : rows_by_id_) {
      if (rows_[row].channels.contains(by_channel->channel)) found.push_back(rows_[row]);
    }
    return found;
  }
  const auto* by_session = std::get_if<BySession>(&selector);
  const std::vector<Row>* rows = by_session ? rows_of(rows_by_session_, by_session->ref)
                                            : rows_of(rows_by_user_, std::get<ByUser>(selector).user_id);
  if (rows) {
    for (const Row row : *rows) found.push_back(rows_[row]);
  }
  return found;
}

size_t Registry::visit(size_t position, size_t max,
                       const std::function<void(const ConnectionRecord&)>& visitor) const {
  for (; position < rows_.size() && max > 0; ++position) {
    const ConnectionRecord* const record = at(static_cast<Row>(position));
    if (!record) continue;
    visitor(*record);
    --max;
  }
  return position < rows_.size() ? position : 0;
}

void Registry::count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done) {
  ConnectionCounts counts;
  std::array<size_t, kChannelsMax> by_channel{};
  if (tenant.empty()) {
    counts.global = rows_by_id_.size();
    by_channel = count_by_channel_;
    if (per_user) {
      for (const auto& [user, rows] : rows_by_user_) counts.per_user[user] = rows.size();
    }
  } else {
    for (const auto& [id, row] : rows_by_id_) {
      const ConnectionRecord& record = rows_[row];
      if (record.tenant_id() != tenant) continue;
      ++counts.global;
      if (per_user) ++counts.per_user[record.session->user_id];
      record.channels.for_each([&](ChannelIndex channel) { ++by_channel[channel]; });
    }
  }
  for (size_t i = 0; i < channels_.size(); ++i) {
    counts.by_channel[channels_.name(static_cast<ChannelIndex>(i))] = by_channel[i];
  }
  counts.by_gateway[instance_id_] = counts.global;
  done(std::move(counts));
}

void Registry::link(Row row) {
  const ConnectionRecord& record = rows_[row];
  record.channels.for_each([&](ChannelIndex channel) { ++count_by_channel_[channel]; });
  presence_.add(record);
  if (!record.session) return;
  insert(rows_by_user_, record.session->user_id, row);
  insert(rows_by_session_, record.session->ref, row);
}

void Registry::unlink(Row row) {
  const ConnectionRecord& record = rows_[row];
  record.channels.for_each([&](ChannelIndex channel) { --count_by_channel_[channel]; });
  presence_.remove(record);
  if (!record.session) return;
  erase(rows_by_user_, record.session->user_id, row);
  erase(rows_by_session_, record.session->ref, row);
}

void Registry::insert(Index& index, const std::string& name, Row row) {
  std::vector<Row>& rows = index[name];
  if (rows.empty()) rows.reserve(1);
  rows.push_back(row);
}

void Registry::erase(Index& index, const std::string& name, Row row) {
  const auto it = index.find(name);
  ASSERT(it != index.end());
  std::vector<Row>& rows = it->second;
  const auto position = std::find(rows.begin(), rows.end(), row);
  ASSERT(position != rows.end());
  *position = rows.back();
  rows.pop_back();
  if (rows.empty()) index.erase(it);
}

const std::vector<Registry::Row>* Registry::rows_of(const Index& index, const std::string& name) {
  const auto it = index.find(name);
  return it == index.end() ? nullptr : &it->second;
}

}  // namespace gw::memory
