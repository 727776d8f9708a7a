#include "engine/memory/agent_delivery.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"

namespace gw::memory {
namespace {

// A subscriber bound to a tenant sees that tenant alone.
bool concerns(std::string_view subscriber_tenant, const AgentEntry& entry) {
  return subscriber_tenant.empty() || subscriber_tenant == entry.tenant_id;
}

}  // namespace

AgentDelivery::AgentDelivery(EventLoop& loop, const ChannelTable& channels,
                             const AgentDeliveryOptions& options)
    : loop_(loop), options_(options), dedupe_(options.dedupe) {
  for (size_t i = 0; i < channels.size(); ++i) {
    channels_.push_back({{}, {}, WaitingLanes({options_.queue_size, options_.queue_bytes}), 0});
  }
}

void AgentDelivery::submit(AgentMessage message, Done<Submitted> done) {
  now_ = loop_.now();
  if (message.dedupe_key) {
    switch (dedupe_.check(*message.dedupe_key, now_, message.sender)) {
      case DedupeWindow::Outcome::duplicate: return done(Submitted::duplicate);
      case DedupeWindow::Outcome::full:
        return done(Error{Errc::resource_exhausted, "too many ids in the window"});
      case DedupeWindow::Outcome::fresh: break;
    }
  }
  Channel& channel = channels_[message.channel];
  AgentEntry entry{std::move(message.message_id), std::move(message.tenant_id),
                   std::make_shared<const std::string>(std::move(message.envelope))};
  Submitted outcome = Submitted::published;
  // What waits already goes first: drain() runs when an agent appears, and with every tick.
  if (channel.waiting.has(entry.tenant_id) || !offer(channel, entry)) {
    if (!channel.waiting.push(std::move(entry), message.sender, now_))
      return done(Error{Errc::resource_exhausted, "too much waits for an agent of the channel"});
    outcome = Submitted::queued;
  }
  // Only what was taken counts as seen: a refused message may come again with its id.
  if (message.dedupe_key) dedupe_.remember_checked(now_);
  done(outcome);
}

void AgentDelivery::announce(const Publication& publication) {
  now_ = loop_.now();
  offer(channels_[publication.channel], {publication.message_id, publication.tenant_id,
                                         std::make_shared<const std::string>(publication.envelope)});
}

SubscriptionHandle AgentDelivery::subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                            Done<void> done) {
  now_ = loop_.now();
  const SubscriptionId id = next_subscription_++;
  const bool had_some = subscription.group.empty() && !subscription.last_event_id.empty();
  const std::weak_ptr<AgentSink> returns = had_some ? sink : std::weak_ptr<AgentSink>();
  Channel& channel = channels_[subscription.channel];
  if (subscription.group.empty()) {
    channel.subscribers.push_back({id, subscription.tenant_id, std::move(sink)});
  } else {
    const GroupKey key{subscription.tenant_id, subscription.group};
    if (!channel.groups.contains(key) && count_groups(channel, key.first) >= kGroupsMax) {
      done(Error{Errc::resource_exhausted, "the channel has all the groups it may"});
      return {};
    }
    channel.groups.try_emplace(key, group_limits()).first->second.join(id, std::move(sink));
  }
  subscriptions_.emplace(id, std::move(subscription));
  SubscriptionHandle handle(*this, id);
  done({});  // which may already have had enough
  // What others were given meanwhile is kept nowhere.
  if (const auto open = returns.lock()) open->missed();
  drain(channel);
  return handle;
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

// All that may wait in the channel fits into a group that has just come.
AgentGroup::Limits AgentDelivery::group_limits() const {
  return {4 * options_.queue_size, 4 * options_.queue_bytes, options_.queue_age};
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

bool AgentDelivery::offer(Channel& channel, const AgentEntry& entry) {
  bool taken = false;
  std::vector<std::shared_ptr<AgentSink>> behind;
  for (const Subscriber& subscriber : channel.subscribers) {
    if (!concerns(subscriber.tenant_id, entry)) continue;
    std::shared_ptr<AgentSink> sink = subscriber.sink.lock();
    if (!sink) continue;
    if (sink->deliver(entry.id, *entry.envelope)) {
      taken = true;
    } else {
      behind.push_back(std::move(sink));
    }
  }
  for (auto& [key, group] : channel.groups) {
    if (!concerns(key.first, entry) || !group.has_members()) continue;
    group.deliver(entry, now_);
    taken = true;
  }
  // When nobody took it, it waits in the queue for all of them; else those who refused would miss it
  // silently.
  if (taken) {
    for (const auto& sink : behind) sink->fell_behind();
  }
  return taken;
}

void AgentDelivery::drain(Channel& channel) {
  channel.waiting.drain([&](const AgentEntry& entry) { return offer(channel, entry); });
}

void AgentDelivery::expire(Channel& channel) {
  const size_t dropped = channel.waiting.expire(now_ - options_.queue_age);
  if (dropped > 0) log::warn("queued_messages_expired", {{"count", dropped}});
}

void AgentDelivery::tick_groups(Channel& channel, TimePoint now) {
  for (auto it = channel.groups.begin(); it != channel.groups.end();) {
    AgentGroup& group = it->second;
    group.tick(now);
    const AgentGroup::GivenUp given_up = group.take_given_up();
    for (size_t reason = 0; reason < given_up.size(); ++reason) {
      if (given_up[reason] == 0) continue;
      channel.dead_letters_total += given_up[reason];
      log::warn("agent_messages_given_up", {{"group", it->first.second},
                                            {"tenant_id", it->first.first},
                                            {"count", given_up[reason]},
                                            {"reason", AgentGroup::kReasons[reason]}});
    }
    it = group.idle() ? channel.groups.erase(it) : std::next(it);
  }
}

ChannelStats AgentDelivery::stats(ChannelIndex index, std::string_view tenant) const {
  const Channel& channel = channels_[index];
  const auto is_of_it = [tenant](const std::string& other) { return tenant.empty() || other == tenant; };
  ChannelStats stats;
  const WaitingLanes::Amount waiting = channel.waiting.amount(tenant);
  stats.queue_size = waiting.messages;
  stats.queue_bytes = waiting.bytes;
  stats.queue_max = options_.queue_size;
  stats.dead_letters_total = channel.dead_letters_total;
  for (const Subscriber& subscriber : channel.subscribers) stats.agents += is_of_it(subscriber.tenant_id);
  for (const auto& [key, group] : channel.groups) {
    if (!is_of_it(key.first)) continue;
    stats.agents += group.members();
    stats.unacknowledged += group.open();
  }
  return stats;
}

void AgentDelivery::park_waiting(Done<size_t> done) {
  size_t waiting = 0;
  for (const Channel& channel : channels_) waiting += channel.waiting.amount("").messages;
  done(waiting);
}

void AgentDelivery::tick(TimePoint now) {
  now_ = now;
  for (Channel& channel : channels_) {
    tick_groups(channel, now);
    if (channel.waiting.empty()) continue;
    expire(channel);
    // An agent whose stream was full may have room again.
    if (has_agents(channel)) drain(channel);
  }
}

}  // namespace gw::memory
