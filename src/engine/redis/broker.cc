#include "engine/redis/broker.h"

#include "base/log.h"
#include "json/json.h"

namespace gw::redis {
namespace {

constexpr Duration kTickEvery = 100ms;
constexpr Duration kOfferAgainAfter = 2ms;
constexpr Duration kStopAgentsTime = 1s;
constexpr Duration kUnparkEvery = 500ms;
constexpr std::string_view kUnparkCount = "100";
constexpr Duration kReleaseEvery = 250ms;
constexpr std::string_view kReleaseCount = "500";

Error not_now() {
  return {Errc::unavailable, "this instance is not connected to Redis, or still confirms that it is"};
}

// Why a connection that is full takes nothing more.
Error full(const Client& connection) {
  if (!connection.is_up()) return not_now();
  return {Errc::resource_exhausted, "Redis takes messages more slowly than they come"};
}

void warn_invalid(std::string_view channel, std::string_view reason) {
  log::warn("redis_message_invalid", {{"channel", channel}, {"reason", reason}});
}

}  // namespace

Broker::Broker(BrokerParts parts, const BrokerOptions& options)
    : parts_(parts),
      options_(options),
      replica_wait_(parts.loop, parts.messages, options.inbox_replicas),
      feeds_(parts.subscriptions, parts.keys, parts.channels),
      dedupe_(options.dedupe),
      prober_({parts.messages, parts.commands, parts.pushes, parts.subscriptions, parts.lease, parts.keys},
              [this] {
                for (const auto& sender : senders_) sender->on_engine_works(steady_now());
              }) {
  const auto gate = [this] { return may_deliver(); };
  feeds_.gate(gate);
  for (size_t i = 0; i < parts_.channels.size(); ++i) {
    const auto channel = static_cast<ChannelIndex>(i);
    const std::string& name = parts_.channels.name(channel);
    senders_.push_back(
        std::make_unique<ChannelSender>(name, parts_.messages, replica_wait_, parts_.keys, options_.sender));
    if (options_.sender.inbox) {
      inboxes_.push_back(
          std::make_unique<Inbox>(name, parts_.commands, parts_.subscriptions, parts_.keys,
                                  Inbox::Options{options_.inbox_age, options_.sender.inbox_size}));
      inboxes_.back()->gate(gate);
      stream_feeds_.push_back(
          std::make_unique<StreamFeeds>(name, parts_.commands, parts_.subscriptions, parts_.keys));
      stream_feeds_.back()->gate(gate);
    }
    parts_.subscriptions.keep(
        parts_.keys.fanout(name),
        [this, channel](std::string_view payload) { return on_fanout(channel, payload); },
        [this, channel] { on_subscribed_again(channel); });
  }
  parts_.subscriptions.keep(parts_.keys.gateway(parts_.keys.instance()),
                            [this](std::string_view payload) { return on_own(payload); });
  tick_ = parts_.loop.every(kTickEvery, [this] { tick(steady_now()); });
}

// --- Clients to agents
// -----------------------------------------------------------------------------------------

void Broker::submit(AgentMessage message, Done<Submitted> done) {
  ChannelSender& sender = *senders_[message.channel];
  if (!message.dedupe_key) return sender.submit(std::move(message), std::move(done));
  const std::string key = *message.dedupe_key;
  if (const auto it = resolving_.find(key); it != resolving_.end()) {
    it->second.push_back(std::move(done));
    return;
  }
  switch (dedupe_.check(key, steady_now())) {
    case DedupeWindow::Outcome::duplicate: return done(Submitted::duplicate);
    case DedupeWindow::Outcome::full:
      return done(Error{Errc::resource_exhausted, "too many ids in the window"});
    case DedupeWindow::Outcome::fresh: break;
  }
  resolving_.try_emplace(key);
  sender.submit(std::move(message), [this, key, done = std::move(done)](Result<Submitted> outcome) {
    resolve(key, outcome);
    done(std::move(outcome));
  });
}

// Only what was taken counts as seen: a refused message may come again with its id.
void Broker::resolve(const std::string& key, const Result<Submitted>& outcome) {
  const auto again = resolving_.extract(key);
  const TimePoint now = steady_now();
  if (outcome && dedupe_.check(key, now) == DedupeWindow::Outcome::fresh) dedupe_.remember_checked(now);
  for (const Done<Submitted>& done : again.mapped()) {
    done(outcome ? Result<Submitted>(Submitted::duplicate) : outcome);
  }
}

// --- Agents and realms to clients
// --------------------------------------------------------------------------------

void Broker::publish(Publication publication, Done<Missed> done) {
  if (parts_.messages.is_full()) return done(full(parts_.messages));
  const std::string& channel = parts_.channels.name(publication.channel);
  std::string payload;
  json::Writer writer(payload);
  writer.begin_object().member("source", publication.source).key("message").raw(publication.message);
  if (!publication.tenant_id.empty()) writer.member("tenant_id", publication.tenant_id);
  writer.end_object();
  const std::string fanout = parts_.keys.fanout(channel);
  const std::string gateways = parts_.keys.gateway(""),
                    soft_left = std::to_string((Lease::kTime - Lease::kSoft).count());
  run_script(parts_.messages, scripts::publish, {parts_.keys.prefix(), fanout, payload, gateways, soft_left},
             [done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               if ((*reply)[0].integer() == 0)
                 return done(Error{Errc::unavailable, "no gateway listens to publications now"});
               Missed missed;
               for (size_t i = 1; i < reply->size(); ++i) missed.emplace_back((*reply)[i].text());
               done(std::move(missed));
             });
  senders_[publication.channel]->announce(publication);
}

void Broker::send(const ConnectionRecord& record, std::string_view message, Done<void> done) {
  if (!may_deliver()) return done(not_now());
  if (record.gateway.empty()) return done(local_.send(record.handle, message));
  if (!parts_.lease.is_alive(record.gateway)) {
    return done(Error{Errc::not_found, "the connection's instance is gone"});
  }
  if (parts_.messages.is_full()) return done(full(parts_.messages));
  std::string payload;
  json::Writer(payload)
      .begin_object()
      .member("connection_id", record.id.text())
      .key("message")
      .raw(message)
      .end_object();
  const std::string gateway = parts_.keys.gateway(record.gateway);
  parts_.messages.command(
      {"PUBLISH", gateway, payload},
      [this, instance = record.gateway, done = std::move(done)](const Result<Reply>& reply) {
        if (!reply) return done(reply.error());
        if (reply->integer() == 0) return not_heard(instance, done);
        done({});
      });
}

// An instance that lives comes back to its subscriptions: only its lease tells that it is gone.
void Broker::not_heard(const std::string& instance, Done<void> done) {
  parts_.lease.refresh([this, instance, done = std::move(done)] {
    if (!parts_.lease.is_alive(instance)) {
      return done(Error{Errc::not_found, "the connection's instance is gone"});
    }
    done(Error{Errc::unavailable, "the connection's instance does not listen now"});
  });
}

void Broker::on_subscribed_again(ChannelIndex channel) {
  log::warn("publications_missed", {{"channel", parts_.channels.name(channel)}});
  local_.gap(channel);
}

bool Broker::taken(const Result<void>& delivered) {
  if (delivered || delivered.error().code != Errc::resource_exhausted) return true;
  offer_again_ = parts_.loop.after(kOfferAgainAfter, [this] { parts_.pushes.resume(); });
  return false;
}

bool Broker::on_fanout(ChannelIndex channel, std::string_view payload) {
  if (!may_deliver()) return false;
  const auto object = json::parse_object(payload);
  const json::Value* message = object ? object->find("message") : nullptr;
  if (!message) {
    warn_invalid(parts_.channels.name(channel), "a publication is an object with a message");
    return true;
  }
  const json::Value* tenant = object->find("tenant_id");
  const bool for_all = !tenant || tenant->is_null();
  Publication publication;
  publication.channel = channel;
  publication.tenant_id = for_all ? "" : json::as_string(*tenant).value_or("");
  if (!for_all && !is_valid_name(publication.tenant_id)) {
    warn_invalid(parts_.channels.name(channel), "tenant_id is not a tenant's");
    return true;
  }
  if (message->raw().size() > options_.message_bytes_max) {
    warn_invalid(parts_.channels.name(channel), "message is larger than a client's outbox");
    return true;
  }
  publication.message = message->raw();
  return taken(local_.publish(publication));
}

// To one connection of this instance; or a probe of its own, or word that connections have to close.
bool Broker::on_own(std::string_view payload) {
  if (!may_deliver()) return false;
  const auto object = json::parse_object(payload);
  if (object) {
    if (const json::Value* probe = object->find("probe")) {
      prober_.on_heard(json::as_int64(*probe).value_or(0));
      return true;
    }
    if (object->find("evicted")) {
      parts_.registry.take_evictions();
      return true;
    }
  }
  const json::Value* id_text = object ? object->find("connection_id") : nullptr;
  const json::Value* message = object ? object->find("message") : nullptr;
  const auto text = id_text ? json::as_string(*id_text) : std::nullopt;
  const auto id = text ? ConnectionId::parse(*text) : std::nullopt;
  if (!id || !message || message->raw().size() > options_.message_bytes_max) {
    warn_invalid(parts_.keys.instance(), "expected connection_id and a message that fits a client's outbox");
    return true;
  }
  const ConnectionRecord* record = parts_.registry.find_local(*id);
  return !record || taken(local_.send(record->handle, message->raw()));
}

// --- Agents on this instance
// -----------------------------------------------------------------------------------

SubscriptionHandle Broker::subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                     Done<void> done) {
  if (!subscription.group.empty() && inboxes_.empty()) {
    done(Error{Errc::failed_precondition,
               "a group needs the stream inbox: start the gateways with --inbox stream"});
    return {};
  }
  if (!parts_.commands.is_up() || stopping_agents_) {
    done(not_now());
    return {};
  }
  const SubscriptionId id = next_subscription_++;
  agents_.emplace(id, subscription);
  auto answer = [this, id, done = std::move(done)](Result<void> added) {
    if (!added) agents_.erase(id);
    done(std::move(added));
  };
  if (subscription.group.empty() && stream_feeds_.empty()) {
    feeds_.add(id, subscription, std::move(sink), std::move(answer));
  } else if (subscription.group.empty()) {
    stream_feeds_[subscription.channel]->add(id, subscription, std::move(sink), std::move(answer));
  } else {
    inboxes_[subscription.channel]->join(id, subscription, std::move(sink), std::move(answer));
  }
  return {*this, id};
}

void Broker::unsubscribe(SubscriptionId id) {
  const auto it = agents_.find(id);
  if (it == agents_.end()) return;
  if (it->second.group.empty() && stream_feeds_.empty()) {
    feeds_.remove(id);
  } else if (it->second.group.empty()) {
    stream_feeds_[it->second.channel]->remove(id);
  } else {
    inboxes_[it->second.channel]->leave(id);
  }
  agents_.erase(it);
}

void Broker::acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                         Done<size_t> done) {
  if (inboxes_.empty()) return done(Error{Errc::not_found, "no such group on this channel"});
  inboxes_[group.channel]->acknowledge(group, ids, std::move(done));
}

// Redis counts this instance as a receiver until it has left the agents' channels; what it has counted by
// then is still on its way, and comes before the confirmation.
void Broker::stop_agents(Done<void> done) {
  stopping_agents_ = true;
  auto once = std::make_shared<Done<void>>(std::move(done));
  const auto finish = [this, once] {
    stop_timeout_.reset();
    if (const auto answer = std::exchange(*once, nullptr)) answer({});
  };
  stop_timeout_ = parts_.loop.after(kStopAgentsTime, finish);
  if (stream_feeds_.empty()) return feeds_.retire(finish);
  const auto open = std::make_shared<size_t>(stream_feeds_.size());
  for (const auto& feeds : stream_feeds_) {
    feeds->retire([open, finish] {
      if (--*open == 0) finish();
    });
  }
}

ChannelStats Broker::stats(ChannelIndex channel, std::string_view tenant) const {
  ChannelStats stats;
  senders_[channel]->fill(stats, tenant);
  stats.agents = feeds_.size(channel, tenant);
  if (!inboxes_.empty()) {
    stats.agents += stream_feeds_[channel]->size(tenant) + inboxes_[channel]->members(tenant);
    stats.unacknowledged = inboxes_[channel]->unacknowledged(tenant);
    stats.dead_letters_total = inboxes_[channel]->dead_letters();
  }
  return stats;
}

// --- Does it work?
// ---------------------------------------------------------------------------------------------

void Broker::on_connection_down() { local_.engine_lost(); }

void Broker::on_subscriptions_down() {
  on_connection_down();
  prober_.on_deaf();
}

EngineStats Broker::engine_stats() const {
  EngineStats stats{.kind = "redis"};
  for (const Client* connection : {&parts_.messages, &parts_.commands, &parts_.pushes}) {
    const ConnectionStats one = connection->stats();
    stats.connected = stats.connected && one.up;
    stats.commands_total += one.commands_total;
    stats.errors_total += one.errors_total;
    stats.losses_total += one.losses_total;
    stats.pending += one.pending;
  }
  return stats;
}

// --- Time
// ------------------------------------------------------------------------------------------------------

void Broker::on_up() {
  for (const auto& inbox : inboxes_) inbox->on_up();
  for (const auto& feeds : stream_feeds_) feeds->resume();
}

void Broker::on_subscribed() {
  for (const auto& feeds : stream_feeds_) feeds->resume();
}

void Broker::tick(TimePoint now) {
  prober_.judge(now);
  for (const auto& sender : senders_) sender->tick(now);
  const bool first = parts_.lease.is_first();
  for (const auto& inbox : inboxes_) inbox->tick(now, first);
  for (const auto& feeds : stream_feeds_) feeds->tick(now);
  if (first && !inboxes_.empty() && now - released_at_ >= kReleaseEvery && parts_.commands.is_up()) {
    released_at_ = now;
    for (const std::string& name : parts_.lease.waiting_channels()) {
      if (const auto channel = parts_.channels.find(name)) release(*channel);
    }
  }
  const bool parked = first && parts_.lease.parked_channels() > 0;
  if (!parked || now - unparked_at_ < kUnparkEvery || !parts_.commands.is_up()) return;
  unparked_at_ = now;
  unpark();
}

// What instances that have stopped left waiting goes to the agents that have come since.
void Broker::unpark() {
  const std::string now = std::to_string(wall_now().time_since_epoch().count());
  for (const std::string& channel : parts_.channels.names()) {
    const Keys& keys = parts_.keys;
    const std::string list = keys.parked(channel), agents = keys.agents(channel),
                      tenants = keys.agents(channel, ""), inbox = inboxes_.empty() ? "" : keys.inbox(channel),
                      state = keys.inbox_state(channel), notices = keys.inbox_notices(channel);
    run_script(parts_.commands, scripts::unpark,
               {keys.prefix(), channel, list, now, agents, tenants, kUnparkCount, inbox, state, notices},
               [channel](const Result<Reply>& reply) {
                 if (!reply || (*reply)[0].integer() + (*reply)[1].integer() == 0) return;
                 log::info("parked_messages_taken", {{"channel", channel},
                                                     {"delivered", (*reply)[0].integer()},
                                                     {"expired", (*reply)[1].integer()},
                                                     {"left", (*reply)[2].integer()}});
               });
  }
}

// What has found nobody, in order, to agents that have a Redis client and have just subscribed.
void Broker::release(ChannelIndex channel) {
  const Keys& keys = parts_.keys;
  const std::string& name = parts_.channels.name(channel);
  const std::string inbox = keys.inbox(name), state = keys.inbox_state(name),
                    notices = keys.inbox_notices(name), agents = keys.agents(name),
                    tenants = keys.agents(name, "");
  run_script(parts_.commands, scripts::release,
             {keys.prefix(), name, inbox, state, notices, agents, tenants, kReleaseCount},
             [this, channel](const Result<Reply>& reply) {
               if (!reply || (*reply)[0].integer() == 0) return;
               log::info("waiting_messages_published",
                         {{"channel", parts_.channels.name(channel)}, {"count", (*reply)[0].integer()}});
               release(channel);  // there may be more
             });
}

void Broker::park_waiting(Done<size_t> done) {
  auto open = std::make_shared<size_t>(senders_.size());
  auto lost = std::make_shared<size_t>(0);
  for (const auto& sender : senders_) {
    sender->park([open, lost, done](Result<size_t> left) {
      *lost += left ? *left : 0;
      if (--*open == 0) done(*lost);
    });
  }
}

}  // namespace gw::redis
