#include "engine/memory/broker.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"

namespace gw {
namespace {

// A subscriber bound to a tenant sees that tenant alone.
bool concerns(std::string_view subscriber_tenant, const AgentEntry& entry) {
  return subscriber_tenant.empty() || subscriber_tenant == entry.tenant_id;
}

}  // namespace

MemoryBroker::MemoryBroker(const ChannelTable& channels, const BrokerOptions& options)
    : options_(options), channels_(channels.size()), dedupe_(options.dedupe) {}

void MemoryBroker::submit(AgentMessage message, Done<Submitted> done) {
  now_ = steady_now();
  if (message.dedupe_key) {
    switch (dedupe_.check(*message.dedupe_key, now_)) {
      case DedupeWindow::Outcome::duplicate: return done(Submitted::duplicate);
      case DedupeWindow::Outcome::full:
        return done(Error{Errc::resource_exhausted, "too many ids in the window"});
      case DedupeWindow::Outcome::fresh: break;
    }
  }
  Channel& channel = channels_[message.channel];
  AgentEntry entry{std::move(message.message_id), std::move(message.tenant_id),
                   std::make_shared<const std::string>(std::move(message.envelope))};
  // What waits already goes first: drain() runs when an agent or room appears, and with every tick.
  const bool overtakes = std::any_of(channel.queue.begin(), channel.queue.end(),
                                     [&](const Waiting& w) { return w.entry.tenant_id == entry.tenant_id; });
  Submitted outcome = Submitted::published;
  if (overtakes || !offer(channel, entry)) {
    if (!enqueue(channel, std::move(entry)))
      return done(Error{Errc::resource_exhausted, "the channel's queue is full"});
    outcome = Submitted::queued;
  }
  // Only what was taken counts as seen: a refused message may come again with its id.
  if (message.dedupe_key) dedupe_.remember_checked(now_);
  done(outcome);
}

void MemoryBroker::publish(Publication publication, Done<Missed> done) {
  now_ = steady_now();
  AgentEntry entry{publication.message_id, publication.tenant_id,
                   std::make_shared<const std::string>(std::move(publication.envelope))};
  Channel& channel = channels_[publication.channel];
  if (busy(channel, entry))
    return done(Error{Errc::resource_exhausted, "an agent group of the channel is full"});
  const Result<void> delivered = local_.publish(publication);
  if (!delivered) return done(delivered.error());
  offer(channel, entry);
  done(Missed{});
}

void MemoryBroker::send(const ConnectionRecord& record, std::string_view message, Done<void> done) {
  done(local_.send(record.handle, message));
}

SubscriptionHandle MemoryBroker::subscribe(AgentSubscription subscription, std::weak_ptr<AgentSink> sink,
                                           Done<void> done) {
  now_ = steady_now();
  const SubscriptionId id = next_subscription_++;
  const bool had_some = subscription.group.empty() && !subscription.last_event_id.empty();
  const std::weak_ptr<AgentSink> returns = had_some ? sink : std::weak_ptr<AgentSink>();
  Channel& channel = channels_[subscription.channel];
  if (subscription.group.empty()) {
    channel.subscribers.push_back({id, subscription.tenant_id, std::move(sink)});
  } else {
    const AgentGroup::Limits limits{options_.queue_size, options_.queue_bytes};
    const GroupKey key{subscription.tenant_id, subscription.group};
    channel.groups.try_emplace(key, limits).first->second.join(id, std::move(sink));
  }
  subscriptions_.emplace(id, std::move(subscription));
  SubscriptionHandle handle(*this, id);
  done({});  // which may already have had enough
  // What others were given meanwhile is kept nowhere.
  if (const auto open = returns.lock()) open->missed();
  drain(channel);
  return handle;
}

void MemoryBroker::unsubscribe(SubscriptionId id) {
  const auto it = subscriptions_.find(id);
  if (it == subscriptions_.end()) return;
  Channel& channel = channels_[it->second.channel];
  if (it->second.group.empty()) {
    std::erase_if(channel.subscribers, [id](const Subscriber& s) { return s.id == id; });
  } else {
    const auto group = channel.groups.find({it->second.tenant_id, it->second.group});
    ASSERT(group != channel.groups.end());
    group->second.leave(id);
    if (group->second.idle()) channel.groups.erase(group);
  }
  subscriptions_.erase(it);
}

void MemoryBroker::acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                               Done<size_t> done) {
  Channel& channel = channels_[group.channel];
  const auto it = channel.groups.find({group.tenant_id, group.group});
  if (it == channel.groups.end()) return done(Error{Errc::not_found, "no such group on this channel"});
  size_t closed = 0;
  for (const std::string& id : ids) closed += it->second.acknowledge(id) ? 1 : 0;
  if (it->second.idle()) {
    channel.groups.erase(it);
  } else if (!channel.queue.empty()) {
    drain(channel);  // there is room now
  }
  done(closed);
}

bool MemoryBroker::busy(const Channel& channel, const AgentEntry& entry) {
  return std::any_of(channel.groups.begin(), channel.groups.end(), [&](const auto& item) {
    const auto& [key, group] = item;
    return concerns(key.first, entry) && group.has_members() && !group.has_room(entry.envelope->size());
  });
}

bool MemoryBroker::offer(Channel& channel, const AgentEntry& entry) {
  if (busy(channel, entry)) return false;
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

bool MemoryBroker::enqueue(Channel& channel, AgentEntry entry) {
  const size_t bytes = entry.envelope->size();
  if (channel.queue.size() >= options_.queue_size || channel.queue_bytes + bytes > options_.queue_bytes)
    return false;
  channel.queue_bytes += bytes;
  channel.queue.push_back({std::move(entry), now_});
  return true;
}

void MemoryBroker::drain(Channel& channel) {
  std::deque<Waiting> left;
  while (!channel.queue.empty()) {
    Waiting waiting = std::move(channel.queue.front());
    channel.queue.pop_front();
    const bool overtakes = std::any_of(left.begin(), left.end(), [&](const Waiting& w) {
      return w.entry.tenant_id == waiting.entry.tenant_id;
    });
    if (!overtakes && offer(channel, waiting.entry)) {
      channel.queue_bytes -= waiting.entry.envelope->size();
    } else {
      left.push_back(std::move(waiting));
    }
  }
  channel.queue.swap(left);
}

void MemoryBroker::expire(Channel& channel) {
  size_t dropped = 0;
  while (!channel.queue.empty() && channel.queue.front().since + options_.queue_age <= now_) {
    channel.queue_bytes -= channel.queue.front().entry.envelope->size();
    channel.queue.pop_front();
    ++dropped;
  }
  if (dropped > 0) log::warn("queued_messages_expired", {{"count", dropped}});
}

ChannelStats MemoryBroker::stats(ChannelIndex index) const {
  const Channel& channel = channels_[index];
  ChannelStats stats;
  stats.queue_size = channel.queue.size();
  stats.queue_bytes = channel.queue_bytes;
  stats.queue_max = options_.queue_size;
  stats.agents = channel.subscribers.size();
  for (const auto& [key, group] : channel.groups) {
    stats.agents += group.members();
    stats.unacknowledged += group.open();
  }
  return stats;
}

void MemoryBroker::close(Done<size_t> done) {
  size_t waiting = 0;
  for (const Channel& channel : channels_) waiting += channel.queue.size();
  done(waiting);
}

void MemoryBroker::tick(TimePoint now) {
  now_ = now;
  for (Channel& channel : channels_) {
    expire(channel);
    for (auto it = channel.groups.begin(); it != channel.groups.end();) {
      it->second.tick(now);
      it = it->second.idle() ? channel.groups.erase(it) : std::next(it);
    }
    if (!channel.queue.empty()) drain(channel);
  }
}

}  // namespace gw
