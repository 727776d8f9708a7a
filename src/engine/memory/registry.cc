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
  ASSERT(rows_by_id_.find(record.id) == kNoRow);
  rows_[row].record = std::move(record);
  rows_by_id_.insert(row);
  link(row);
  done({});
}

// False: the user has all it may in this tenant, and none of them gives way.
bool Registry::make_room(const ConnectionRecord& newcomer, size_t per_user) {
  if (rows_by_user_.size(newcomer.user_id()) < per_user) return true;
  size_t held = 0;
  const ConnectionRecord* same = nullptr;
  const ConnectionRecord* silent = nullptr;
  const auto take_older = [](const ConnectionRecord*& old, const ConnectionRecord& record) {
    if (!old || record.connected_at < old->connected_at) old = &record;
  };
  rows_by_user_.for_each(newcomer.user_id(), [&](Row row) {
    const ConnectionRecord& record = rows_[row].record;
    if (record.tenant_id() != newcomer.tenant_id()) return;
    ++held;
    const bool same_client = !record.client_id.empty() && record.client_id == newcomer.client_id;
    if (same_client && record.session->ref == newcomer.session->ref) take_older(same, record);
    if (record.pong_owed_since && newcomer.connected_at - *record.pong_owed_since > kPongPatience)
      take_older(silent, record);
  });
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
  const Row row = rows_by_id_.find(id);
  if (row == kNoRow) return;
  ConnectionRecord& record = rows_[row].record;
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
  const Row row = rows_by_id_.find(id);
  if (row == kNoRow) return;
  unlink(row);
  rows_[row].record.session = std::move(session);
  link(row);
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
  const Row row = rows_by_id_.find(id);
  if (row == kNoRow) return;
  unlink(row);
  rows_by_id_.erase(row);
  rows_[row] = Kept();
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

std::optional<std::vector<Row>> Registry::candidates(const ConnectionFilter& filter) const {
  if (filter.user_id.empty() && filter.session_ref.empty()) return std::nullopt;
  std::vector<Row> sorted;
  const auto take = [&](Row row) { sorted.push_back(row); };
  if (filter.session_ref.empty()) {
    rows_by_user_.for_each(std::string_view(filter.user_id), take);
  } else {
    rows_by_session_.for_each(std::string_view(filter.session_ref), take);
  }
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
  const ConnectionRecord& record = rows_[row].record;
  return rows_by_id_.find(record.id) == row ? &record : nullptr;
}

const ConnectionRecord* Registry::find_local(const ConnectionId& id) const {
  const Row row = rows_by_id_.find(id);
  return row == kNoRow ? nullptr : &rows_[row].record;
}

std::vector<ConnectionRecord> Registry::select_local(const Selector& selector) const {
  std::vector<ConnectionRecord> found;
  const auto take = [&](Row row) { found.push_back(rows_[row].record); };
  if (const auto* by_channel = std::get_if<ByChannel>(&selector)) {
    visit(0, SIZE_MAX, [&](const ConnectionRecord& record) {
      if (record.channels.contains(by_channel->channel)) found.push_back(record);
    });
  } else if (const auto* by_session = std::get_if<BySession>(&selector)) {
    rows_by_session_.for_each(std::string_view(by_session->ref), take);
  } else {
    rows_by_user_.for_each(std::string_view(std::get<ByUser>(selector).user_id), take);
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
  const bool is_of_all = tenant.empty();
  if (is_of_all) {
    counts.global = rows_by_id_.size();
    by_channel = count_by_channel_;
  }
  if (!is_of_all || per_user) {
    visit(0, SIZE_MAX, [&](const ConnectionRecord& record) {
      if (!is_of_all && record.tenant_id() != tenant) return;
      if (per_user && record.session) ++counts.per_user[record.session->user_id.str()];
      if (is_of_all) return;
      ++counts.global;
      record.channels.for_each([&](ChannelIndex channel) { ++by_channel[channel]; });
    });
  }
  for (size_t i = 0; i < channels_.size(); ++i) {
    counts.by_channel[channels_.name(static_cast<ChannelIndex>(i))] = by_channel[i];
  }
  counts.by_gateway[instance_id_] = counts.global;
  done(std::move(counts));
}

void Registry::link(Row row) {
  const ConnectionRecord& record = rows_[row].record;
  record.channels.for_each([&](ChannelIndex channel) { ++count_by_channel_[channel]; });
  presence_.add(record);
  if (!record.session) return;
  rows_[row].links = std::make_unique<Links>();
  rows_by_user_.insert(row);
  rows_by_session_.insert(row);
}

void Registry::unlink(Row row) {
  const ConnectionRecord& record = rows_[row].record;
  record.channels.for_each([&](ChannelIndex channel) { --count_by_channel_[channel]; });
  presence_.remove(record);
  if (!record.session) return;
  rows_by_user_.erase(row);
  rows_by_session_.erase(row);
  rows_[row].links.reset();
}

}  // namespace gw::memory
