#include "engine/redis/agent_delivery.h"

#include "base/digest.h"
#include "base/hex.h"
#include "base/log.h"
#include "engine/redis/errors.h"

namespace gw::redis {
namespace {

constexpr Duration kStopAgentsTime = 1s;
constexpr Duration kUnparkEvery = 500ms;
constexpr std::string_view kUnparkCount = "100";
constexpr Duration kReleaseEvery = 250ms;
constexpr std::string_view kReleaseCount = "500";

}  // namespace

AgentDelivery::AgentDelivery(Parts parts, const AgentDeliveryOptions& options)
    : parts_(parts),
      options_(options),
      replica_wait_(parts.loop, parts.messages, options.inbox_replicas),
      feeds_(parts.subscriptions, parts.keys, parts.channels),
      dedupe_(options.dedupe) {
  feeds_.gate([this] { return parts_.lease.is_fresh(); });
}

void AgentDelivery::add_channel(ChannelIndex channel) {
  const std::string& name = parts_.channels.name(channel);
  senders_.add(channel, std::make_unique<ChannelSender>(name, parts_.loop, parts_.messages, replica_wait_,
                                                        parts_.keys, options_.sender));
  if (!options_.sender.inbox) return;
  const auto gate = [this] { return parts_.lease.is_fresh(); };
  Inbox& inbox = inboxes_.add(
      channel, std::make_unique<Inbox>(
                   name, parts_.loop, parts_.commands, parts_.subscriptions, parts_.keys,
                   Inbox::Options{options_.inbox_age, options_.sender.inbox_size, options_.ack_wait}));
  inbox.gate(gate);
  if (parts_.commands.is_up()) inbox.on_up();
  stream_feeds_
      .add(channel, std::make_unique<StreamFeeds>(name, parts_.commands, parts_.subscriptions, parts_.keys))
      .gate(gate);
}

// --- Messages ---

void AgentDelivery::submit(AgentMessage message, Done<Submitted> done) {
  ChannelSender& sender = *senders_[message.channel];
  if (!message.dedupe_key) return sender.submit(std::move(message), std::move(done));
  const auto [it, is_first] = resolving_.try_emplace(dedupe_.print_of(*message.dedupe_key));
  if (!is_first) return it->second.again.push_back(std::move(done));
  if (const auto repeated = refuse_repeated(dedupe_, it->first, message.sender, parts_.loop.now())) {
    resolving_.erase(it);
    return done(*repeated);
  }
  it->second.done = std::move(done);
  it->second.sender = message.sender;
  if (message.makes_run) it->second.run_message_id = message.message_id;
  // Stays where it is until it is resolved: a function of two pointers needs no memory of its own.
  const Print* const print = &it->first;
  sender.submit(std::move(message),
                [this, print](const Result<Submitted>& outcome) { resolve(*print, outcome); });
}

void AgentDelivery::find_duplicate(const std::string& dedupe_key, bool everywhere, Done<Submitted> done) {
  const Print print = dedupe_.print_of(dedupe_key);
  if (const auto it = resolving_.find(print); it != resolving_.end()) {
    it->second.again.push_back(std::move(done));
    return;
  }
  if (dedupe_.check(print, parts_.loop.now()) == DedupeWindow::Outcome::duplicate)
    return done(Submitted::duplicate_of(dedupe_.first_id()));
  const Error none{Errc::not_found, "no message of that id"};
  if (!everywhere) return done(none);
  parts_.messages.command({"GET", parts_.keys.message_id(to_hex(sha256(dedupe_key)))},
                          [none, done = std::move(done)](const Result<Reply>& reply) {
                            if (!reply) return done(reply.error());
                            if (!reply->is_text() || reply->text().empty()) return done(none);
                            const std::string_view first = reply->text();
                            done(Submitted::duplicate_of(std::string(first.substr(0, first.find(' ')))));
                          });
}

// Only what was taken counts as seen: a refused message may come again with its id.
void AgentDelivery::resolve(const Print& print, const Result<Submitted>& outcome) {
  const auto node = resolving_.extract(print);  // in which `print` may stand
  const OnItsWay& ended = node.mapped();
  // The first of all may have come through another instance.
  const std::string first =
      outcome && outcome->outcome == Submitted::duplicate ? outcome->first_id : ended.run_message_id;
  if (outcome) dedupe_.remember(node.key(), parts_.loop.now(), ended.sender, first);
  for (const Done<Submitted>& done : ended.again) {
    done(outcome ? Result<Submitted>(Submitted::duplicate_of(first)) : outcome);
  }
  ended.done(outcome);
}

void AgentDelivery::announce(const Publication& publication) {
  senders_[publication.channel]->announce(publication);
}

// --- Agents on this instance ---

SubscriptionHandle AgentDelivery::subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
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

void AgentDelivery::unsubscribe(SubscriptionId id) {
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

void AgentDelivery::acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                                Done<size_t> done) {
  if (inboxes_.empty()) return done(Error{Errc::not_found, "no such group on this channel"});
  inboxes_[group.channel]->acknowledge(group, ids, std::move(done));
}

void AgentDelivery::working(const AgentSubscription& group, const std::vector<std::string>& ids,
                            Done<size_t> done) {
  if (inboxes_.empty()) return done(Error{Errc::not_found, "no such group on this channel"});
  inboxes_[group.channel]->working(group, ids, std::move(done));
}

void AgentDelivery::give_up(const AgentSubscription& group, const std::vector<std::string>& ids,
                            std::string_view reason, Done<size_t> done) {
  if (inboxes_.empty()) return done(Error{Errc::not_found, "no such group on this channel"});
  inboxes_[group.channel]->give_up(group, ids, reason, std::move(done));
}

// Redis counts this instance as a receiver until it has left the agents' channels; what it has counted by
// then is still on its way, and comes before the confirmation.
void AgentDelivery::stop_agents(Done<void> done) {
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

void AgentDelivery::park_waiting(Done<size_t> done) {
  if (senders_.empty()) return done(size_t{0});
  auto open = std::make_shared<size_t>(senders_.size());
  auto lost = std::make_shared<size_t>(0);
  for (const auto& sender : senders_) {
    sender->park([open, lost, done](Result<size_t> left) {
      *lost += left ? *left : 0;
      if (--*open == 0) done(*lost);
    });
  }
}

ChannelStats AgentDelivery::stats(ChannelIndex channel, std::string_view tenant) const {
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

// --- Time ---

void AgentDelivery::on_up() {
  for (const auto& inbox : inboxes_) inbox->on_up();
  for (const auto& feeds : stream_feeds_) feeds->resume();
}

void AgentDelivery::on_subscribed() {
  for (const auto& feeds : stream_feeds_) feeds->resume();
}

void AgentDelivery::on_engine_works(TimePoint now) {
  for (const auto& sender : senders_) sender->on_engine_works(now);
}

void AgentDelivery::tick(TimePoint now) {
  dedupe_.expire(now);
  for (const auto& sender : senders_) sender->tick(now);
  for (const auto& inbox : inboxes_) inbox->tick(now, parts_.lease.is_housekeeper());
  for (const auto& feeds : stream_feeds_) feeds->tick(now);
  if (parts_.lease.is_housekeeper() && parts_.commands.is_up()) tidy(now);
}

// What only one instance has to do: messages that wait in Redis for somebody who listens.
void AgentDelivery::tidy(TimePoint now) {
  if (!inboxes_.empty() && now - released_at_ >= kReleaseEvery) {
    released_at_ = now;
    for (const std::string& name : parts_.lease.waiting_channels()) {
      if (const auto channel = parts_.channels.find(name)) release(*channel);
    }
  }
  if (parts_.lease.parked_channels() == 0 || now - unparked_at_ < kUnparkEvery) return;
  unparked_at_ = now;
  unpark();
}

// What instances that have stopped left waiting goes to the agents that have come since.
void AgentDelivery::unpark() {
  const std::string now = std::to_string(parts_.loop.wall_now().time_since_epoch().count());
  const std::string inbox_most = inboxes_.empty() ? "" : std::to_string(options_.sender.inbox_size);
  for (const auto& sender : senders_) {
    const std::string& channel = sender->channel();
    const Keys& keys = parts_.keys;
    run_script(parts_.commands, scripts::unpark,
               {{"left_over", keys.parked(channel)},
                {"parked", keys.parked()},
                {"inbox", keys.inbox(channel)},
                {"prefix", keys.prefix()},
                {"pubsub_prefix", keys.pubsub_prefix()},
                {"channel", channel},
                {"now", now},
                {"most", kUnparkCount},
                {"inbox_most", inbox_most}},
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
void AgentDelivery::release(ChannelIndex channel) {
  const Keys& keys = parts_.keys;
  const std::string& name = parts_.channels.name(channel);
  run_script(parts_.commands, scripts::release,
             {{"inbox", keys.inbox(name)},
              {"prefix", keys.prefix()},
              {"pubsub_prefix", keys.pubsub_prefix()},
              {"channel", name},
              {"most", kReleaseCount}},
             [this, channel](const Result<Reply>& reply) {
               if (!reply || (*reply)[0].integer() == 0) return;
               log::info("waiting_messages_published",
                         {{"channel", parts_.channels.name(channel)}, {"count", (*reply)[0].integer()}});
               release(channel);  // there may be more
             });
}

}  // namespace gw::redis
