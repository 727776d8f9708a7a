#include "engine/redis/partitioned/registry.h"

#include <algorithm>
#include <map>

#include "engine/redis/partitioned/merged_pages.h"

namespace gw::redis::partitioned {

Registry::Registry(EventLoop& loop, const Partitions& partitions)
    : partitions_(partitions), whereabouts_(loop, partitions) {
  for (const auto& partition : partitions_)
    partition->registry().on_removed([this](const ConnectionId& id) { whereabouts_.forget(id); });
}

void Registry::on_evicted(OnEvicted callback) {
  for (const auto& partition : partitions_) partition->registry().on_evicted(callback);
}

size_t Registry::place_of(const Session* session, const ConnectionId& id) const {
  return session ? partitions_.index_of(session->user_id) : whereabouts_.home(id);
}

size_t Registry::place_of(const ConnectionRecord& record) const {
  if (const auto local = whereabouts_.local(record.id)) return *local;
  return place_of(record.session.get(), record.id);
}

redis::Registry* Registry::holder(const ConnectionId& id) const {
  const auto place = whereabouts_.local(id);
  return place ? &partitions_[*place].registry() : nullptr;
}

const ConnectionRecord* Registry::find_local(const ConnectionId& id) const {
  const redis::Registry* const registry = holder(id);
  return registry ? registry->find_local(id) : nullptr;
}

// --- Changes -----------------------------------------------------------------------------------------------

void Registry::add(ConnectionRecord record, const AdmissionLimits& limits, Done<void> done) {
  size_t load = 0;
  for (const auto& partition : partitions_) load += partition->registry().load();
  if (load >= limits.total) return done(Error{Errc::failed_precondition, "the instance is full"});
  const ConnectionId id = record.id;
  const size_t place = place_of(record.session.get(), id);
  partitions_[place].registry().add(std::move(record), {.per_user = limits.per_user, .total = SIZE_MAX},
                                    [this, id, place, done = std::move(done)](const Result<void>& added) {
                                      if (!added) return done(added);
                                      // Whoever is told of it may find it.
                                      whereabouts_.put(id, place, [done] { done({}); });
                                    });
}

void Registry::update(const ConnectionId& id, const ConnectionChange& change) {
  if (redis::Registry* const registry = holder(id)) registry->update(id, change);
}

void Registry::replace_session(const ConnectionId& id, SessionPtr session) {
  const auto place = whereabouts_.local(id);
  if (!place) return;
  if (place_of(session.get(), id) == *place)
    return partitions_[*place].registry().replace_session(id, std::move(session));
  move(id, std::move(session), 0, [](const Result<void>&) {});
}

void Registry::identify(const ConnectionId& id, SessionPtr session, const AdmissionLimits& limits,
                        Done<void> done) {
  const auto place = whereabouts_.local(id);
  if (!place) return done(Error{Errc::not_found, "the connection is gone"});
  if (place_of(session.get(), id) == *place)
    return partitions_[*place].registry().identify(id, std::move(session), limits, std::move(done));
  move(id, std::move(session), limits.per_user, std::move(done));
}

// It is there before it is not here any more, so that it is always found.
void Registry::move(const ConnectionId& id, SessionPtr session, size_t per_user, Done<void> done) {
  const ConnectionRecord* const found = find_local(id);
  if (!found) return done(Error{Errc::not_found, "the connection is gone"});
  ConnectionRecord record = *found;
  const size_t to = place_of(session.get(), id);
  record.session = std::move(session);
  partitions_[to].registry().adopt(
      std::move(record), per_user, [this, id, to, done = std::move(done)](const Result<void>& admitted) {
        const auto from = whereabouts_.local(id);
        if (!admitted) return done(admitted);
        if (!from || !find_local(id)) {
          partitions_[to].registry().release(id);
          return done(Error{Errc::not_found, "the connection is gone"});
        }
        if (*from == to) return done({});
        // It may have changed since it was asked for.
        const ConnectionRecord& now = *find_local(id);
        partitions_[to].registry().update(
            id, {now.channel, now.channels, now.last_activity, now.last_heartbeat, now.pong_owed_since});
        whereabouts_.put(id, to, [done] { done({}); });
        partitions_[*from].registry().release(id);
      });
}

void Registry::remove(const ConnectionId& id, uint16_t code) {
  if (redis::Registry* const registry = holder(id)) registry->remove(id, code);
}

void Registry::disconnect(const std::vector<ConnectionRecord>& records, const Disconnect& why,
                          Done<size_t> done) {
  std::vector<std::vector<ConnectionRecord>> by_place(partitions_.size());
  for (const ConnectionRecord& record : records) by_place[place_of(record)].push_back(record);
  const auto ask = [&](Partition& partition, Done<size_t> answer) {
    const auto& some = by_place[partition.index()];
    if (some.empty()) return answer(size_t{0});
    partition.registry().disconnect(some, why, std::move(answer));
  };
  ask_all<size_t>(partitions_, ask, [done = std::move(done)](const std::vector<Result<size_t>>& answers) {
    size_t told = 0;
    std::optional<Error> error;
    for (const Result<size_t>& answer : answers) {
      if (answer) told += *answer;
      if (!answer) error = answer.error();
    }
    if (error && told == 0) return done(*error);
    done(told);
  });
}

// --- Questions ---------------------------------------------------------------------------------------------

// In the partition of its id the record, and where that is instead, in one go; then there.
void Registry::find(const ConnectionId& id, Done<std::optional<ConnectionRecord>> done) {
  if (const ConnectionRecord* local = find_local(id)) return done(std::optional(*local));
  const auto finding = std::make_shared<Finding>();
  finding->done = std::move(done);
  partitions_[whereabouts_.home(id)].registry().find(
      id, [this, id, finding](Result<std::optional<ConnectionRecord>> record) {
        finding->record.emplace(std::move(record));
        on_found(id, *finding);
      });
  whereabouts_.ask(id, [this, id, finding](const Result<std::optional<size_t>>& place) {
    finding->place.emplace(place);
    on_found(id, *finding);
  });
}

void Registry::on_found(const ConnectionId& id, Finding& finding) {
  if (!finding.record || !finding.place) return;
  auto& record = *finding.record;
  const auto& place = *finding.place;
  const bool is_there = record && *record;
  if (is_there) return finding.done(std::move(record));
  if (place && *place) return partitions_[**place].registry().find(id, finding.done);
  if (!place) return finding.done(place.error());
  finding.done(std::move(record));
}

void Registry::select(const Selector& selector, Done<std::vector<ConnectionRecord>> done) {
  const auto* by_user = std::get_if<ByUser>(&selector);
  if (!by_user) return select_all(selector, std::move(done));
  partitions_.of(by_user->user_id).registry().select(selector, std::move(done));
}

// A session's connections are in one partition, that of its user, whom the selector does not say: where it
// has been found, nobody else has to answer.
void Registry::select_all(const Selector& selector, Done<std::vector<ConnectionRecord>> done) {
  const bool by_session = std::holds_alternative<BySession>(selector);
  const auto ask = [&](Partition& partition, Done<std::vector<ConnectionRecord>> answer) {
    partition.registry().select(selector, std::move(answer));
  };
  ask_all<std::vector<ConnectionRecord>>(
      partitions_, ask,
      [by_session, done = std::move(done)](std::vector<Result<std::vector<ConnectionRecord>>>& answers) {
        std::vector<ConnectionRecord> all;
        std::optional<Error> error;
        for (auto& answer : answers) {
          if (!answer) error = answer.error();
          if (answer) std::move(answer->begin(), answer->end(), std::back_inserter(all));
        }
        if (error && (!by_session || all.empty())) return done(*error);
        done(std::move(all));
      });
}

void Registry::list(const ConnectionFilter& filter, Done<ConnectionPage> done) {
  if (!filter.user_id.empty()) return partitions_.of(filter.user_id).registry().list(filter, std::move(done));
  const auto ask = [&](Partition& partition, Done<ConnectionPage> answer) {
    partition.registry().list(filter, std::move(answer));
  };
  ask_all<ConnectionPage>(partitions_, ask,
                          [limit = filter.limit, done = std::move(done)](
                              std::vector<Result<ConnectionPage>>& pages) { done(merged(pages, limit)); });
}

std::vector<ConnectionRecord> Registry::select_local(const Selector& selector) const {
  std::vector<ConnectionRecord> all;
  for (const auto& partition : partitions_) {
    auto some = partition->registry().select_local(selector);
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

void Registry::count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done) {
  const auto ask = [&](Partition& partition, Done<ConnectionCounts> answer) {
    partition.registry().count(tenant, per_user, std::move(answer));
  };
  ask_all<ConnectionCounts>(partitions_, ask,
                            [done = std::move(done)](const std::vector<Result<ConnectionCounts>>& answers) {
                              ConnectionCounts sum;
                              bool is_any = false;
                              for (const Result<ConnectionCounts>& answer : answers) {
                                if (!answer) continue;
                                is_any = true;
                                sum.global += answer->global;
                                for (const auto& [user, count] : answer->per_user)
                                  sum.per_user[user] += count;
                                for (const auto& [channel, count] : answer->by_channel)
                                  sum.by_channel[channel] += count;
                                for (const auto& [gateway, count] : answer->by_gateway)
                                  sum.by_gateway[gateway] += count;
                              }
                              if (!is_any) return done(answers.front().error());
                              done(std::move(sum));
                            });
}

}  // namespace gw::redis::partitioned
