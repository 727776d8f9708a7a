#include "engine/memory/agent_delivery.h"

#include <algorithm>

#include "base/assert.h"
#include "core/agent_round.h"
#include "core/grant.h"
#include "engine/log_events.h"

namespace gw::memory {

AgentDelivery::AgentDelivery(EventLoop& loop, const ChannelTable& channels,
                             const AgentDeliveryOptions& options)
    : loop_(loop), options_(options), dedupe_(options.dedupe) {
  for (const std::string& name : channels.names()) add_channel(name);
}

void AgentDelivery::submit(AgentMessage submitted, Done<Submitted> done) {
  const TimePoint now = loop_.now();
  if (const auto repeated = refuse_repeated(dedupe_, submitted, now)) return done(*repeated);
  Channel& channel = channels_[submitted.channel];
  SharableMessage message(std::move(submitted));
  Submitted outcome = Submitted::published;
  // What waits already goes first: when an agent appears, and with every tick.
  if (channel.queue.has_waiting(message->tenant_id) || !offer(channel, message)) {
    if (!channel.queue.push(message.share(), now)) return done(ChannelQueue::full());
    outcome = Submitted::queued;
  }
  // Only what was taken counts as seen: a refused message may come again with its id.
  if (message->dedupe_key)
    dedupe_.remember_checked(now, message->makes_run ? std::string_view(message->message_id) : "");
  done(outcome);
}

void AgentDelivery::find_duplicate(const std::string& dedupe_key, bool, Done<Submitted> done) {
  if (dedupe_.check(dedupe_key, loop_.now()) == DedupeWindow::Outcome::duplicate)
    return done(Submitted::duplicate_of(dedupe_.first_id()));
  done(Error{Errc::not_found, "no message of that id"});
}

void AgentDelivery::announce(const Publication& publication) {
  AgentMessage message;
  message.channel = publication.channel;
  message.tenant_id = publication.tenant_id;
  message.message_id = publication.message_id;
  message.envelope = publication.envelope;
  const ChannelIndex channel = message.channel;
  SharableMessage sharable(std::move(message));
  offer(channels_[channel], sharable);
}

SubscriptionHandle AgentDelivery::subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                            Done<void> done) {
  const SubscriptionId id = next_subscription_++;
  Channel& channel = channels_[subscription.channel];
  const std::weak_ptr<AgentSink> agent = sink;
  const bool had_some = subscription.group.empty() && !subscription.last_event_id.empty();
  if (subscription.group.empty()) {
    channel.subscribers.push_back({id, subscription.tenant_id, std::move(sink)});
  } else if (!join_group(channel, id, subscription, std::move(sink))) {
    done(Error{Errc::resource_exhausted, "the channel has all the groups it may"});
    return {};
  }
  subscriptions_.emplace(id, std::move(subscription));
  SubscriptionHandle handle(*this, id);
  done({});  // which may already have had enough
  // What others were given meanwhile is kept nowhere.
  if (const auto open = had_some ? agent.lock() : nullptr) open->missed();
  channel.queue.wake();
  deliver_waiting(channel, loop_.now());
  return handle;
}

bool AgentDelivery::join_group(Channel& channel, SubscriptionId id, const AgentSubscription& subscription,
                               std::weak_ptr<AgentSink> sink) {
  const GroupKey key{subscription.tenant_id, subscription.group};
  if (!channel.groups.contains(key) && count_groups(channel, key.first) >= kGroupsMax) return false;
  channel.groups.try_emplace(key, group_limits()).first->second.join(id, std::move(sink));
  return true;
}

void AgentDelivery::unsubscribe(SubscriptionId id) {
  const auto it = subscriptions_.find(id);
  if (it == subscriptions_.end()) return;
  Channel& channel = channels_[it->second.channel];
  if (it->second.group.empty()) {
    std::erase_if(channel.subscribers, [id](const Subscriber& s) { return s.id == id; });
  } else {
    const auto group = channel.groups.find({it->second.tenant_id, it->second.group});
    ASSERT(group != channel.groups.end());
    group->second.leave(id, loop_.now());
    if (group->second.idle()) channel.groups.erase(group);
  }
  subscriptions_.erase(it);
}

void AgentDelivery::acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                                Done<size_t> done) {
  Channel& channel = channels_[group.channel];
  const auto it = channel.groups.find({group.tenant_id, group.group});
  if (it == channel.groups.end()) return done(Error{Errc::not_found, "no such group on this channel"});
  size_t closed = 0;
  for (const std::string& id : ids) closed += it->second.acknowledge(id) ? 1 : 0;
  if (it->second.idle()) channel.groups.erase(it);
  done(closed);
}

void AgentDelivery::working(const AgentSubscription& group, const std::vector<std::string>& ids,
                            Done<size_t> done) {
  Channel& channel = channels_[group.channel];
  const auto it = channel.groups.find({group.tenant_id, group.group});
  if (it == channel.groups.end()) return done(Error{Errc::not_found, "no such group on this channel"});
  size_t open = 0;
  for (const std::string& id : ids) open += it->second.put_off(id, loop_.now()) ? 1 : 0;
  done(open);
}

// Nothing is kept of a dead letter here, so what is done with is given up.
void AgentDelivery::give_up(const AgentSubscription& group, const std::vector<std::string>& ids,
                            std::string_view reason, Done<size_t> done) {
  acknowledge(group, ids, [&, done = std::move(done)](const Result<size_t>& closed) {
    if (closed) channels_[group.channel].dead_letters_total += *closed;
    if (closed) log_given_up(channels_[group.channel].name, group.group, group.tenant_id, *closed, reason);
    done(closed);
  });
}

// All that may wait in the channel fits into a group that has just come.
AgentGroup::Limits AgentDelivery::group_limits() const {
  const ChannelQueue::Options& queue = options_.queue;
  return {4 * queue.messages, 4 * queue.bytes, queue.age, options_.ack_wait};
}

size_t AgentDelivery::count_groups(const Channel& channel, const std::string& tenant) {
  const auto first = channel.groups.lower_bound({tenant, ""});
  const auto last = std::find_if(first, channel.groups.end(),
                                 [&](const auto& group) { return group.first.first != tenant; });
  return static_cast<size_t>(std::distance(first, last));
}

bool AgentDelivery::has_agents(const Channel& channel) {
  return !channel.subscribers.empty() ||
         std::any_of(channel.groups.begin(), channel.groups.end(),
                     [](const auto& group) { return group.second.has_members(); });
}

// To every subscriber and every group that it concerns. False: nobody took it; then nobody fell behind
// either, since it waits for all of them.
bool AgentDelivery::offer(Channel& channel, SharableMessage& message) {
  AgentRound round(message->message_id, message->envelope);
  for (const Subscriber& subscriber : channel.subscribers) {
    if (is_visible_to(subscriber.tenant_id, message->tenant_id)) round.offer(subscriber.sink);
  }
  bool taken = round.is_taken();
  // A group keeps it; the round has no more to offer.
  for (auto& [key, group] : channel.groups) {
    if (!is_visible_to(key.first, message->tenant_id) || !group.has_members()) continue;
    group.deliver(message.share(), loop_.now());
    taken = true;
  }
  if (taken) round.end_refusers();
  return taken;
}

void AgentDelivery::deliver_waiting(Channel& channel, TimePoint now) {
  if (!has_agents(channel)) return;
  while (const auto attempt = channel.queue.next(now)) {
    SharableMessage message(attempt->message);
    if (offer(channel, message)) {
      channel.queue.on_taken(attempt->id);
    } else {
      channel.queue.on_nobody(attempt->id, now);
    }
  }
}

void AgentDelivery::tick_groups(Channel& channel, TimePoint now) {
  for (auto it = channel.groups.begin(); it != channel.groups.end();) {
    AgentGroup& group = it->second;
    group.tick(now);
    const AgentGroup::GivenUp given_up = group.take_given_up();
    for (size_t reason = 0; reason < given_up.size(); ++reason) {
      if (given_up[reason] == 0) continue;
      channel.dead_letters_total += given_up[reason];
      log_given_up(channel.name, it->first.second, it->first.first, given_up[reason],
                   AgentGroup::kReasons[reason]);
    }
    it = group.idle() ? channel.groups.erase(it) : std::next(it);
  }
}

ChannelStats AgentDelivery::stats(ChannelIndex index, std::string_view tenant) const {
  const Channel& channel = channels_[index];
  ChannelStats stats;
  channel.queue.fill(stats, tenant);
  stats.dead_letters_total = channel.dead_letters_total;
  for (const Subscriber& subscriber : channel.subscribers) {
    stats.agents += is_visible_to(tenant, subscriber.tenant_id) ? 1 : 0;
  }
  for (const auto& [key, group] : channel.groups) {
    if (!is_visible_to(tenant, key.first)) continue;
    stats.agents += group.members();
    stats.unacknowledged += group.open();
  }
  return stats;
}

// There is nobody else to whom it could go.
void AgentDelivery::park_waiting(Done<size_t> done) {
  size_t waiting = 0;
  for (const Channel& channel : channels_) waiting += channel.queue.amount("").messages;
  done(waiting);
}

void AgentDelivery::tick(TimePoint now) {
  dedupe_.expire(now);
  for (Channel& channel : channels_) {
    tick_groups(channel, now);
    log_expired(channel.name, channel.queue.expire(now));
    // An agent whose stream was full may have room again.
    deliver_waiting(channel, now);
  }
}

}  // namespace gw::memory
