#include "engine/redis/stream_feeds.h"

#include <algorithm>

#include "base/log.h"
#include "engine/redis/inbox_entry.h"

namespace gw::redis {
namespace {

constexpr std::string_view kReadCount = "100";
// One whose buffer is full is offered a single entry, now and then: many of them must cost Redis nothing.
constexpr std::string_view kOfferCount = "1";
constexpr Duration kBackoffMin = 100ms;
constexpr Duration kBackoffMax = 2s;
constexpr Duration kConfirmEvery = 250ms;
// Entries are kept this long for event streams that come back with the last id that they had.
constexpr std::string_view kKeptSeconds = "120";
// A place that nobody has confirmed for so long belonged to somebody who is gone.
constexpr Duration kForeignTime = 15s;

}  // namespace

StreamFeeds::StreamFeeds(std::string_view channel, Client& commands, Subscriptions& subscriptions,
                         const Keys& keys)
    : commands_(commands),
      subscriptions_(subscriptions),
      keys_(keys),
      channel_(channel),
      stream_(keys.inbox(channel)) {}

std::string StreamFeeds::pubsub_name(const std::string& tenant) const {
  return tenant.empty() ? keys_.entries(channel_) : keys_.entries(channel_, tenant);
}

StreamFeeds::Reader* StreamFeeds::find(const std::string& tenant, SubscriptionId id) {
  const auto feed = feeds_.find(tenant);
  if (feed == feeds_.end()) return nullptr;
  auto& readers = feed->second.readers;
  const auto it = std::find_if(readers.begin(), readers.end(), [id](const Reader& r) { return r.id == id; });
  return it == readers.end() ? nullptr : &*it;
}

void StreamFeeds::add(SubscriptionId id, const AgentSubscription& subscription, std::weak_ptr<AgentSink> sink,
                      Done<void> done) {
  const std::string tenant = subscription.tenant_id;
  Reader reader;
  reader.id = id;
  reader.sink = std::move(sink);
  reader.after = StreamId::parse(subscription.last_event_id);
  reader.done = std::move(done);
  feeds_[tenant].readers.push_back(std::move(reader));
  // Heard first, asked then: what comes in between is noted.
  subscriptions_.add(
      pubsub_name(tenant), [this, tenant](std::string_view notice) { return on_notice(tenant, notice); },
      [this, tenant, id](const Result<void>& added) {
        Reader* const added_reader = find(tenant, id);
        if (!added_reader) return;
        if (added) return ask(tenant, id);
        const Done<void> answer = std::move(added_reader->done);
        remove(id);
        answer(added);
      });
}

void StreamFeeds::remove(SubscriptionId id) {
  for (auto it = feeds_.begin(); it != feeds_.end(); ++it) {
    auto& [tenant, feed] = *it;
    if (std::erase_if(feed.readers, [id](const Reader& reader) { return reader.id == id; }) == 0) continue;
    if (!feed.readers.empty()) return;
    if (feed.start && feed.end > feed.confirmed) confirm(tenant, feed, {});
    subscriptions_.remove(pubsub_name(tenant));
    feeds_.erase(it);
    return;
  }
}

void StreamFeeds::retire(std::function<void()> done) {
  std::vector<std::string> tenants;
  for (const auto& [tenant, feed] : feeds_) tenants.push_back(tenant);
  if (tenants.empty()) return done();
  auto open = std::make_shared<size_t>(tenants.size());
  const auto finish = [open, done] {
    if (--*open == 0) done();
  };
  for (const std::string& tenant : tenants) {
    subscriptions_.leave(pubsub_name(tenant), [this, tenant, finish] {
      const auto feed = feeds_.find(tenant);
      if (feed == feeds_.end() || !feed->second.start) return finish();
      confirm(tenant, feed->second, finish);
    });
  }
}

size_t StreamFeeds::size(std::string_view tenant) const {
  size_t count = 0;
  for (const auto& [bound_to, feed] : feeds_) {
    if (tenant.empty() || bound_to == tenant) count += feed.readers.size();
  }
  return count;
}

// --- Where a reader begins ---

void StreamFeeds::ask(const std::string& tenant, SubscriptionId id) {
  Reader* const reader = find(tenant, id);
  if (!reader) return;
  if (std::exchange(reader->busy, true)) {
    reader->ask_again = true;
    return;
  }
  run_script(commands_, scripts::open_feed,
             {{"inbox", stream_},
              {"prefix", keys_.prefix()},
              {"pubsub_prefix", keys_.pubsub_prefix()},
              {"channel", channel_},
              {"scope", tenant},
              {"kept_seconds", kKeptSeconds}},
             [this, tenant, id](const Result<Reply>& reply) { on_asked(tenant, id, reply); });
}

void StreamFeeds::on_asked(const std::string& tenant, SubscriptionId id, const Result<Reply>& reply) {
  Reader* reader = find(tenant, id);
  if (!reader) return;
  reader->busy = false;
  if (std::exchange(reader->ask_again, false)) return ask(tenant, id);
  if (!reply) {
    if (!reader->done) return;  // asks again with resume()
    const Done<void> answer = std::move(reader->done);
    remove(id);
    return answer(reply.error());
  }
  const StreamId start = StreamId::parse((*reply)[0].text()).value_or(StreamId{});
  const StreamId newest = StreamId::parse((*reply)[1].text()).value_or(StreamId{});
  const StreamId removed = StreamId::parse((*reply)[2].text()).value_or(StreamId{});
  Feed& feed = feeds_.find(tenant)->second;
  if (reader->done) {
    // Beside others it begins where they are, unless something waits that they do not read.
    const bool beside = feed.start && start >= *feed.start;
    reader->place = reader->after.value_or(beside ? feed.end : start);
    // What was gone before it came it has not missed.
    if (!reader->after) reader->told = removed;
  }
  // After a failover Redis may have lost entries that were read; what comes now may have smaller ids.
  reader->place = std::min(reader->place, newest);
  if (!feed.start) feed.end = feed.confirmed = start;
  feed.start = std::min(feed.start.value_or(start), start);
  feed.end = std::min(feed.end, newest);
  // What it says that it has is had: where nobody confirmed that and the inbox is full, nothing else would
  // come.
  if (reader->after) feed.end = std::max(feed.end, reader->place);
  feed.confirmed = std::min(feed.confirmed, feed.end);
  feed.places_left = std::max<size_t>(feed.places_left, 1);  // this may be one of ours
  reader->state = State::reading;
  reader->after.reset();
  if (const Done<void> answer = std::exchange(reader->done, nullptr)) {
    answer({});
    reader = find(tenant, id);  // it may have left at once
    if (!reader) return;
  }
  read(tenant, id);
}

// --- Entries ---

void StreamFeeds::read(const std::string& tenant, SubscriptionId id) {
  Reader* const reader = find(tenant, id);
  if (!reader || reader->busy || reader->state != State::reading || !may_deliver_()) return;
  reader->busy = true;
  reader->asked = reader->noted;
  const std::string place = reader->place.text();
  const std::string_view count = reader->backoff > Duration::zero() ? kOfferCount : kReadCount;
  run_script(
      commands_, scripts::read_feed,
      {{"inbox", stream_}, {"removed", keys_.inbox_removed(channel_)}, {"place", place}, {"most", count}},
      [this, tenant, id](const Result<Reply>& reply) { on_read(tenant, id, reply); });
}

void StreamFeeds::on_read(const std::string& tenant, SubscriptionId id, const Result<Reply>& reply) {
  Reader* const reader = find(tenant, id);
  if (!reader) return;
  reader->busy = false;
  // "Nothing more" may be older than what was published while nobody heard it.
  if (std::exchange(reader->ask_again, false)) return ask(tenant, id);
  if (!reply || reader->state != State::reading || !may_deliver_()) return;  // tried again by tick()
  Feed& feed = feeds_.find(tenant)->second;
  const StreamId removed = StreamId::parse((*reply)[1].text()).value_or(StreamId{});
  if (!tell_of_gap(*reader, removed)) return;  // tried again by tick()
  const Reply entries = (*reply)[0];
  for (size_t i = 0; i < entries.size(); ++i) {
    const InboxEntry entry(entries[i]);
    const bool concerns = !entry.envelope.empty() && (tenant.empty() || entry.tenant == tenant);
    if (!concerns) {
      reader->place = std::max(reader->place, entry.id);
      feed.end = std::max(feed.end, reader->place);
    } else if (!give(feed, *reader, entry.id, entry.id.text(), entry.envelope)) {
      return;  // tried again by tick()
    }
  }
  // Of what was noted before the question nothing is left to read: it has been taken out.
  if (entries.size() == 0) reader->place = std::max(reader->place, reader->asked);
  if (entries.size() > 0 || reader->noted > reader->place) return read(tenant, id);
  reader->state = State::live;
}

// Entries stay for event streams only for a while, and not when the inbox fills: one that was cut off, or is
// slow, may find that they are gone. One of a tenant cannot know whose they were.
bool StreamFeeds::tell_of_gap(Reader& reader, const StreamId& removed) const {
  if (removed <= std::max(reader.place, reader.told)) return true;
  const std::shared_ptr<AgentSink> sink = reader.sink.lock();
  if (!sink || !sink->missed()) {
    offer_later(reader);
    return false;
  }
  reader.told = removed;
  return true;
}

bool StreamFeeds::on_notice(const std::string& tenant, std::string_view notice) {
  if (!may_deliver_()) return false;
  const auto it = feeds_.find(tenant);
  const size_t end = notice.find('\n');
  const std::string_view id = notice.substr(0, end);
  const auto entry = end == std::string_view::npos ? std::nullopt : StreamId::parse(id);
  if (it == feeds_.end() || !entry) return true;
  const std::string_view envelope = notice.substr(end + 1);
  for (Reader& reader : it->second.readers) {
    reader.noted = std::max(reader.noted, *entry);
    if (reader.state == State::live && *entry > reader.place) give(it->second, reader, *entry, id, envelope);
  }
  return true;
}

bool StreamFeeds::give(Feed& feed, Reader& reader, const StreamId& entry, std::string_view id,
                       std::string_view envelope) {
  const std::shared_ptr<AgentSink> sink = reader.sink.lock();
  if (!sink || !sink->deliver(id, envelope)) {
    offer_later(reader);
    return false;
  }
  reader.backoff = Duration::zero();
  reader.place = entry;
  feed.end = std::max(feed.end, entry);
  return true;
}

void StreamFeeds::offer_later(Reader& reader) const {
  reader.state = State::reading;
  reader.backoff = std::clamp(reader.backoff * 2, kBackoffMin, kBackoffMax);
  reader.retry_at = now_ + reader.backoff;
}

void StreamFeeds::resume() {
  for (auto& [tenant, feed] : feeds_) {
    for (Reader& reader : feed.readers) {
      if (reader.done) continue;
      reader.state = State::reading;
      ask(tenant, reader.id);
    }
  }
}

// --- What was given ---

void StreamFeeds::tick(TimePoint now) {
  now_ = now;
  for (auto& [tenant, feed] : feeds_) {
    for (Reader& reader : feed.readers) {
      if (now >= reader.retry_at) read(tenant, reader.id);
    }
  }
  if (now - confirmed_at_ < kConfirmEvery) return;
  confirmed_at_ = now;
  for (auto& [tenant, feed] : feeds_) {
    if (feed.start && (feed.end > feed.confirmed || feed.places_left > 0)) confirm(tenant, feed, {});
  }
}

void StreamFeeds::confirm(const std::string& tenant, Feed& feed, std::function<void()> done) {
  if (feed.confirming && !done) return;
  feed.confirming = true;
  const std::string start = feed.start->text(), end = feed.end.text();
  run_script(commands_, scripts::confirm_feed,
             {{"inbox", stream_},
              {"prefix", keys_.prefix()},
              {"pubsub_prefix", keys_.pubsub_prefix()},
              {"channel", channel_},
              {"scope", tenant},
              {"start", start},
              {"upto", end},
              {"kept_seconds", kKeptSeconds}},
             [this, tenant, upto = feed.end, done = std::move(done)](const Result<Reply>& reply) {
               if (const auto it = feeds_.find(tenant); it != feeds_.end()) {
                 it->second.confirming = false;
                 if (reply) {
                   it->second.confirmed = std::max(it->second.confirmed, upto);
                   on_confirmed(tenant, *reply, confirmed_at_);
                 }
               }
               if (done) done();
             });
}

// A place before ours that stays where it is belonged to somebody who is gone: then it is ours, too.
void StreamFeeds::on_confirmed(const std::string& tenant, const Reply& reply, TimePoint now) {
  Feed& feed = feeds_.find(tenant)->second;
  feed.places_left = static_cast<size_t>(reply[0].integer());
  const std::string_view foreign = reply[1].text();
  if (foreign != feed.foreign) {
    feed.foreign = foreign;
    feed.foreign_since = now;
  }
  if (foreign.empty() || now - feed.foreign_since < kForeignTime) return;
  const auto place = StreamId::parse(foreign);
  if (!place || !feed.start) return;
  log::warn("agent_messages_taken_over", {{"channel", channel_}, {"from", foreign}});
  feed.foreign.clear();
  feed.start = std::min(*feed.start, *place);
  Reader& reader = feed.readers.front();
  if (reader.done) return;
  reader.place = std::min(reader.place, *place);
  reader.state = State::reading;
  reader.ask_again = reader.busy;  // what is on its way was asked for behind the later place
}

}  // namespace gw::redis
