// What others ask the registry: its own connections answer at once, those of other instances come from Redis.
#include <algorithm>
#include <array>

#include "engine/redis/channel_names.h"
#include "engine/redis/registry.h"

namespace gw::redis {
namespace {

// A long list is read some at a time: the lease shares this connection.
constexpr size_t kAskBatch = 500;
constexpr std::array<std::string_view, 10> kFields{
    "connection_id", "session_ref",  "user_id",       "tenant_id",      "channel",
    "channels",      "connected_at", "last_activity", "last_heartbeat", "gateway_instance_id"};

// Nobody must take what is not there yet for what is gone.
Error being_written_anew() {
  return {Errc::unavailable, "Redis has begun anew, and the instances write their connections to it again"};
}

}  // namespace

void Registry::find(const ConnectionId& id, Done<std::optional<ConnectionRecord>> done) {
  if (const ConnectionRecord* local = local_.find_local(id)) return done(std::optional(*local));
  const std::string key = keys_.connection(id.text());
  std::vector<std::string_view> words{"HMGET", key};
  words.insert(words.end(), kFields.begin(), kFields.end());
  commands_.command(words, [this, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    auto record = read(*reply);
    if (!record && lease_.may_be_missing()) return done(being_written_anew());
    if (!record) return done(std::optional<ConnectionRecord>());
    leave_out_dead({std::move(*record)}, [done](Result<std::vector<ConnectionRecord>> alive) {
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
    return gather(keys_.channel_connections(channels_.name(by_channel->channel)), std::move(done));
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
  commands_.command({"SMEMBERS", index}, [this, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    std::vector<std::string> keys;
    for (size_t i = 0; i < reply->size(); ++i) keys.push_back(keys_.connection((*reply)[i].text()));
    auto records = std::make_shared<std::vector<ConnectionRecord>>();
    const size_t count = keys.size();
    auto ask = [this, keys = std::move(keys), records](size_t i, OnReply answered) {
      std::vector<std::string_view> words{"HMGET", keys[i]};
      words.insert(words.end(), kFields.begin(), kFields.end());
      commands_.command(words, [this, records, answered = std::move(answered)](const Result<Reply>& fields) {
        if (auto record = fields ? read(*fields) : std::nullopt) records->push_back(std::move(*record));
        answered(fields);
      });
    };
    ask_each(count, std::move(ask), [this, records, done](Result<void> asked) {
      if (!asked) return done(asked.error());
      if (records->empty() && lease_.may_be_missing()) return done(being_written_anew());
      leave_out_dead(std::move(*records), done);
    });
  });
}

// Asks `count` questions, some at a time; `done` with the first error or when all are answered.
void Registry::ask_each(size_t count, Ask ask, Done<void> done) {
  auto asking = std::make_shared<Asking>(Asking{count, std::move(ask), std::move(done), 0, 0, {}});
  ask_more(asking);
}

void Registry::ask_more(const std::shared_ptr<Asking>& asking) {
  if (asking->next == asking->count || asking->error) {
    return asking->done(asking->error ? Result<void>(*asking->error) : Result<void>());
  }
  const size_t first = asking->next;
  asking->next = std::min(first + kAskBatch, asking->count);
  asking->open = asking->next - first;
  for (size_t i = first, end = asking->next; i < end; ++i) {
    asking->ask(i, [this, asking](const Result<Reply>& reply) {
      if (!reply) asking->error = reply.error();
      if (--asking->open == 0) ask_more(asking);
    });
  }
}

// Empty: it has gone meanwhile, or the record is not one that a gateway wrote.
std::optional<ConnectionRecord> Registry::read(const Reply& fields) const {
  const auto id = ConnectionId::parse(fields[0].text());
  if (!id) return std::nullopt;
  if (const ConnectionRecord* local = local_.find_local(*id)) return *local;
  ConnectionRecord record;
  record.id = *id;
  record.gateway = fields[9].text();
  if (record.gateway.empty() || record.gateway == keys_.instance()) return std::nullopt;
  if (!fields[1].text().empty()) {
    Session session;
    session.ref = fields[1].text();
    session.user_id = fields[2].text();
    session.tenant_id = fields[3].text();
    record.session = std::make_shared<const Session>(std::move(session));
  }
  // An instance with other channels may have written it.
  if (const auto channel = channels_.find(fields[4].text())) record.channel = *channel;
  record.channels = parse_channel_names(channels_, fields[5].text());
  record.connected_at = parse_iso8601(fields[6].text()).value_or(WallTime());
  record.last_activity = parse_iso8601(fields[7].text()).value_or(WallTime());
  record.last_heartbeat = parse_iso8601(fields[8].text()).value_or(WallTime());
  return record;
}

void Registry::count(std::string_view tenant, bool per_user, Done<ConnectionCounts> done) {
  if (tenant.empty()) return count_all(per_user, std::move(done));
  gather(keys_.tenant_connections(tenant),
         [this, per_user, done = std::move(done)](Result<std::vector<ConnectionRecord>> found) {
           if (!found) return done(found.error());
           done(count_records(*found, per_user));
         });
}

ConnectionCounts Registry::count_records(const std::vector<ConnectionRecord>& records, bool per_user) const {
  ConnectionCounts counts;
  for (const std::string& channel : channels_.names()) counts.by_channel[channel] = 0;
  counts.by_gateway[keys_.instance()] = 0;
  for (const ConnectionRecord& record : records) {
    ++counts.global;
    if (per_user) ++counts.per_user[std::string(record.user_id())];
    ++counts.by_gateway[record.gateway.empty() ? keys_.instance() : record.gateway];
    record.channels.for_each([&](ChannelIndex channel) { ++counts.by_channel[channels_.name(channel)]; });
  }
  return counts;
}

void Registry::count_all(bool per_user, Done<ConnectionCounts> done) {
  const std::string time = std::to_string(Lease::kTime.count()), soft = std::to_string(Lease::kSoft.count());
  std::vector<std::string_view> words{keys_.prefix(), time, soft};
  words.insert(words.end(), channels_.names().begin(), channels_.names().end());
  run_script(commands_, scripts::count, std::move(words),
             [this, per_user, done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               auto counts = std::make_shared<ConnectionCounts>();
               for (size_t i = 0; i < channels_.size(); ++i) {
                 counts->by_channel[channels_.names()[i]] = static_cast<size_t>((*reply)[i].integer());
               }
               for (size_t i = channels_.size(); i + 1 < reply->size(); i += 2) {
                 const auto connections = static_cast<size_t>((*reply)[i + 1].integer());
                 counts->by_gateway[std::string((*reply)[i].text())] = connections;
                 counts->global += connections;
               }
               if (!per_user) return done(std::move(*counts));
               count_users(counts, done);
             });
}

void Registry::count_users(const std::shared_ptr<ConnectionCounts>& counts, Done<ConnectionCounts> done) {
  const std::string users = keys_.users();
  commands_.command({"SMEMBERS", users}, [this, counts, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    std::vector<std::string> names;
    for (size_t i = 0; i < reply->size(); ++i) names.emplace_back((*reply)[i].text());
    const size_t count = names.size();
    auto ask = [this, names = std::move(names), counts](size_t i, OnReply answered) {
      const std::string index = keys_.user_connections(names[i]);
      commands_.command({"SCARD", index}, [counts, user = names[i],
                                           answered = std::move(answered)](const Result<Reply>& connections) {
        const int64_t open = connections ? connections->integer() : 0;
        if (open > 0) counts->per_user[user] = static_cast<size_t>(open);
        answered(connections);
      });
    };
    ask_each(count, std::move(ask), [counts, done](Result<void> asked) {
      if (!asked) return done(asked.error());
      done(std::move(*counts));
    });
  });
}

}  // namespace gw::redis
