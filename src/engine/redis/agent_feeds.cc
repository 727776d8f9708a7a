#include "engine/redis/agent_feeds.h"

#include <algorithm>

#include "base/log.h"
#include "core/agent_round.h"
#include "json/json_wrapped.h"

namespace gw::redis {
namespace {

// As a gateway's envelope begins (protocol/envelope.cc). To read such a one whole again, for an id that
// stands there, was a tenth of a message; what follows is the agent's to read, as with the stream inbox.
constexpr std::string_view kBegin = R"({"message_id":")";

// An event's id, and nothing that could end its line. Whoever may publish to Redis may write anything there.
std::optional<std::string_view> message_id(std::string_view envelope) {
  if (envelope.starts_with(kBegin) && envelope.ends_with('}')) {
    const std::string_view rest = envelope.substr(kBegin.size());
    const std::string_view id = rest.substr(0, rest.find('"'));
    if (is_valid_name(id)) return id;
  }
  const auto object = json::parse_wrapped(envelope);
  const json::Value* id = object ? object->find("message_id") : nullptr;
  const auto text = id ? json::as_plain_string(*id) : std::nullopt;
  return text && is_valid_name(*text) ? text : std::nullopt;
}

}  // namespace

void AgentFeeds::add(SubscriptionId id, const AgentSubscription& subscription, std::weak_ptr<AgentSink> sink,
                     Done<void> done) {
  const std::string& channel = channels_.name(subscription.channel);
  const std::string name =
      subscription.tenant_id.empty() ? keys_.agents(channel) : keys_.agents(channel, subscription.tenant_id);
  Feed& feed = feeds_[name];
  feed.channel = subscription.channel;
  feed.readers.push_back({id, std::move(sink), false, !subscription.last_event_id.empty()});
  subscriptions_.add(
      name, [this, name](std::string_view envelope) { return deliver(name, envelope); },
      [this, name, id, done = std::move(done)](const Result<void>& added) {
        on_added(name, id, added, done);
      });
}

void AgentFeeds::on_added(const std::string& name, SubscriptionId id, const Result<void>& added,
                          const Done<void>& done) {
  const auto it = feeds_.find(name);
  if (it == feeds_.end()) return;
  const auto reader = std::find_if(it->second.readers.begin(), it->second.readers.end(),
                                   [id](const Reader& r) { return r.id == id; });
  if (reader == it->second.readers.end()) return;
  const std::weak_ptr<AgentSink> sink = reader->sink;
  const bool missed = reader->returns;
  reader->open = added.has_value();
  if (!added) remove(id);
  done(added);
  // Pub/Sub keeps nothing.
  if (const auto open = sink.lock(); open && added && missed) open->missed();
}

void AgentFeeds::remove(SubscriptionId id) {
  for (auto it = feeds_.begin(); it != feeds_.end(); ++it) {
    if (std::erase_if(it->second.readers, [id](const Reader& reader) { return reader.id == id; }) == 0)
      continue;
    if (it->second.readers.empty()) {
      subscriptions_.remove(it->first);
      feeds_.erase(it);
    }
    return;
  }
}

void AgentFeeds::retire(std::function<void()> done) {
  std::vector<std::string> names;
  for (const auto& [name, feed] : feeds_) names.push_back(name);
  if (names.empty()) return done();
  // Whoever is told last may unsubscribe at once, which changes the feeds.
  auto open = std::make_shared<size_t>(names.size());
  for (const std::string& name : names) {
    subscriptions_.leave(name, [open, done] {
      if (--*open == 0) done();
    });
  }
}

size_t AgentFeeds::size(ChannelIndex channel, std::string_view tenant) const {
  if (!tenant.empty()) {
    const auto feed = feeds_.find(keys_.agents(channels_.name(channel), tenant));
    return feed == feeds_.end() ? 0 : feed->second.readers.size();
  }
  size_t count = 0;
  for (const auto& [name, feed] : feeds_) count += feed.channel == channel ? feed.readers.size() : 0;
  return count;
}

bool AgentFeeds::deliver(const std::string& name, std::string_view envelope) {
  if (!may_deliver_()) return false;
  const auto it = feeds_.find(name);
  if (it == feeds_.end()) return true;
  const auto id = message_id(envelope);
  if (!id) {
    log::warn("redis_message_invalid", {{"channel", name}, {"reason", "not an envelope with a message_id"}});
    return true;
  }
  AgentRound round(*id, envelope);
  for (const Reader& reader : it->second.readers) {
    if (reader.open) round.offer(reader.sink);
  }
  round.end_refusers();
  return true;
}

}  // namespace gw::redis
