// What others ask the registry: its own connections answer at once, those of other instances come from Redis.
#include <algorithm>

#include "core/list.h"
#include "engine/redis/registry.h"

namespace gw::redis {
namespace {

// A long list is read some at a time: the lease shares this connection.
constexpr std::string_view kPageSize = "500";
constexpr std::string_view kFirst = "0";  // a cursor: where a list begins, and its end

// Nobody must take what is not there yet for what is gone.
Error being_written_anew() {
  return {Errc::unavailable, "Redis has begun anew, and the instances write their connections to it again"};
}

}  // namespace

void Registry::find(const ConnectionId& id, Done<std::optional<ConnectionRecord>> done) {
  if (const ConnectionRecord* local = local_.find_local(id)) return done(std::optional(*local));
  read_page("", id.text(), [this, done = std::move(done)](Result<Page> page) {
    if (!page) return done(page.error());
    if (page->records.empty() && lease_.may_be_missing()) return done(being_written_anew());
    if (page->records.empty()) return done(std::optional<ConnectionRecord>());
    leave_out_dead(std::move(page->records), [done](Result<std::vector<ConnectionRecord>> alive) {
      done(alive->empty() ? std::nullopt : std::optional(alive->front()));
    });
  });
}

// Those on an instance that nothing is routed to. One that looks dead may have woken since: that is asked
// again.
void Registry::leave_out_dead(std::vector<ConnectionRecord> records,
                              Done<std::vector<ConnectionRecord>> done) {
  const auto is_dead = [this](const ConnectionRecord& record) {
    return !record.gateway.empty() && !lease_.is_alive(record.gateway);
  };
  if (std::none_of(records.begin(), records.end(), is_dead)) return done(std::move(records));
  lease_.refresh([is_dead, records = std::move(records), done = std::move(done)]() mutable {
    std::erase_if(records, is_dead);
    done(std::move(records));
  });
}

void Registry::select(const Selector& selector, Done<std::vector<ConnectionRecord>> done) {
  if (const auto* by_channel = std::get_if<ByChannel>(&selector)) {
    const std::string index = keys_.channel_connections(channels_.name(by_channel->channel));
    return lists_.ask(
        index,
        [this, index](Done<std::vector<ConnectionRecord>> answer) { gather(index, std::move(answer)); },
        std::move(done));
  }
  if (const auto* by_session = std::get_if<BySession>(&selector)) {
    return gather(keys_.session_connections(by_session->ref), std::move(done));
  }
  gather(keys_.user_connections(std::get<ByUser>(selector).user_id), std::move(done));
}

std::vector<ConnectionRecord> Registry::select_local(const Selector& selector) const {
  return local_.select_local(selector);
}

// The records of an index's members.
void Registry::gather(const std::string& index, Done<std::vector<ConnectionRecord>> done) {
  gather_more(std::make_shared<Gathering>(Gathering{index, {}, {}, std::move(done)}), std::string(kFirst));
}

void Registry::gather_more(const std::shared_ptr<Gathering>& gathering, const std::string& cursor) {
  read_page(gathering->index, cursor, [this, gathering](Result<Page> page) {
    if (!page) return gathering->done(page.error());
    for (ConnectionRecord& record : page->records) {
      // A list that grows while it is read may show a member twice.
      if (gathering->seen.insert(record.id).second) gathering->records.push_back(std::move(record));
    }
    if (page->next != kFirst) return gather_more(gathering, page->next);
    if (gathering->records.empty() && lease_.may_be_missing()) return gathering->done(being_written_anew());
    leave_out_dead(std::move(gathering->records), gathering->done);
  });
}

// As this instance knows it, where it is its own. One of this instance that is not here is on its way out.
std::optional<ConnectionRecord> Registry::record_of(const Reply& fields) const {
  auto record = records_.from_fields(fields);
  if (!record) return std::nullopt;
  if (const ConnectionRecord* local = local_.find_local(record->id)) return *local;
  return record->gateway == keys_.instance() ? std::nullopt : std::move(record);
}

void Registry::list(const ConnectionFilter& filter, Done<ConnectionPage> done) {
  if (!filter.after.empty() && !ConnectionId::parse(filter.after))
    return done(Error{Errc::invalid_argument, kUnknownPlace});
  if (lease_.may_be_missing()) return done(being_written_anew());
  run_script(commands_, scripts::list,
             {{"listed",
               filter.tenant_id.empty() ? keys_.connections() : keys_.listed_connections(filter.tenant_id)},
              {"prefix", keys_.prefix()},
              {"index", small_index(filter)},
              {"after", filter.after},
              {"most", std::to_string(filter.limit)},
              {"looks", std::to_string(kListLooks)},
              {"tenant", filter.tenant_id},
              {"user", filter.user_id},
              {"ref", filter.session_ref},
              {"instance", filter.gateway},
              {"channel", filter.channel ? std::string_view(channels_.name(*filter.channel)) : ""}},
             ConnectionRecords::fields_read(), [this, done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               std::vector<ConnectionRecord> records;
               for (size_t i = 1; i < reply->size(); ++i) {
                 if (auto record = record_of((*reply)[i])) records.push_back(std::move(*record));
               }
               leave_out_dead(std::move(records), [after = std::string((*reply)[0].text()),
                                                   done](Result<std::vector<ConnectionRecord>> alive) {
                 if (!alive) return done(alive.error());
                 done(ConnectionPage{std::move(*alive), after});
               });
             });
}

// What holds all that are wanted, and is likely to hold little else.
std::string Registry::small_index(const ConnectionFilter& filter) const {
  if (!filter.session_ref.empty()) return keys_.session_connections(filter.session_ref);
  if (!filter.user_id.empty()) return keys_.user_connections(filter.user_id);
  if (filter.channel) return keys_.channel_connections(channels_.name(*filter.channel));
  return filter.gateway.empty() ? "" : keys_.gateway_connections(filter.gateway);
}

// Of an index from the cursor on; or, without one, the one connection that is named.
void Registry::read_page(const std::string& index, const std::string& cursor, Done<Page> done) {
  run_script(commands_, scripts::read,
             {{"prefix", keys_.prefix()}, {"index", index}, {"cursor", cursor}, {"most", kPageSize}},
             ConnectionRecords::fields_read(), [this, done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               Page page{std::string((*reply)[0].text()), {}};
               for (size_t i = 1; i < reply->size(); ++i) {
                 if (auto record = record_of((*reply)[i])) page.records.push_back(std::move(*record));
               }
               done(std::move(page));
             });
}

void Registry::count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done) {
  if (tenant.empty() && !per_user) return count_now("", false, std::move(done));
  counts_.ask(
      std::string(per_user ? "users of " : "") + std::string(tenant),
      [this, tenant = std::string(tenant), per_user](Done<ConnectionCounts> answer) {
        count_now(tenant, per_user, std::move(answer));
      },
      std::move(done));
}

void Registry::count_now(const std::string& tenant, bool per_user, Done<ConnectionCounts> done) {
  const std::vector<std::string_view> channels(channels_.names().begin(), channels_.names().end());
  run_script(commands_, scripts::count,
             {{"users", keys_.users()},
              {"gateways", keys_.gateways()},
              {"prefix", keys_.prefix()},
              {"live_ms", live_ms()},
              {"tenant", tenant},
              {"with_users", per_user ? "1" : "0"}},
             channels, [this, tenant, done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               const Reply by_channel = (*reply)[0], gateways = (*reply)[1], users = (*reply)[2];
               ConnectionCounts counts;
               for (size_t i = 0; i < by_channel.size(); ++i) {
                 counts.by_channel[channels_.name(static_cast<ChannelIndex>(i))] =
                     static_cast<size_t>(by_channel[i].integer());
               }
               if (!tenant.empty()) counts.by_gateway[keys_.instance()] = 0;
               for (size_t i = 0; i + 1 < gateways.size(); i += 2) {
                 const auto connections = static_cast<size_t>(gateways[i + 1].integer());
                 counts.by_gateway[std::string(gateways[i].text())] = connections;
                 counts.global += connections;
               }
               for (size_t i = 0; i + 1 < users.size(); i += 2) {
                 counts.per_user[std::string(users[i].text())] = static_cast<size_t>(users[i + 1].integer());
               }
               done(std::move(counts));
             });
}

}  // namespace gw::redis
