#include "engine/redis/inbox.h"

#include <algorithm>

#include "base/log.h"
#include "engine/log_events.h"
#include "engine/redis/inbox_entry.h"

namespace gw::redis {
namespace {

// The group that agents with a Redis client of their own share (contract: docs/PROTOCOL.md, "Redis").
constexpr std::string_view kAgentsGroup = "agents";
constexpr std::string_view kReadCount = "64";
constexpr std::string_view kClaimCount = "64";
constexpr Duration kClaimEvery = 1s;
// A notice comes with each entry; this is for the one that was lost.
constexpr Duration kReadEvery = 1s;
constexpr Duration kTidyEvery = 1s;
// Entries that everybody has had stay so long for event streams that come back with the last id that they
// had.
constexpr std::chrono::milliseconds kKept = 60s;
// Entries that one tidying looks at behind the oldest that waits.
constexpr std::string_view kSweepCount = "200";
// Parts of ack_wait. A member that gets an entry after the first is late. Between the others, around
// ack_wait, nothing is handed out: another instance may be claiming it.
constexpr int kLate = 40, kDoubt = 10;

// What an agent gives back that is no id of an entry is none that is open.
bool add_ids(std::vector<std::string_view>& words, const std::vector<std::string>& ids) {
  const size_t before = words.size();
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(words),
               [](const std::string& id) { return StreamId::parse(id).has_value(); });
  return words.size() > before;
}

}  // namespace

Inbox::Inbox(std::string_view channel, EventLoop& loop, Client& commands, Subscriptions& subscriptions,
             const Keys& keys, const Options& options)
    : loop_(loop),
      commands_(commands),
      subscriptions_(subscriptions),
      keys_(keys),
      channel_(channel),
      stream_(keys.inbox(channel)),
      age_max_(options.age_max),
      size_max_(std::to_string(options.size_max)),
      ack_wait_(options.ack_wait),
      ack_wait_ms_(
          std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(options.ack_wait).count())) {}

// A tenant's agents never share a group with another's; '/' stands in no name.
std::string Inbox::group_name(const AgentSubscription& subscription) {
  return subscription.tenant_id.empty() ? subscription.group
                                        : subscription.tenant_id + "/" + subscription.group;
}

std::string Inbox::pubsub_name(const std::string& tenant) const {
  return tenant.empty() ? keys_.notices(channel_) : keys_.notices(channel_, tenant);
}

void Inbox::on_up() {
  commands_.command({"XGROUP", "CREATE", stream_, kAgentsGroup, "0", "MKSTREAM"},
                    {});  // BUSYGROUP: there it is
}

void Inbox::join(SubscriptionId id, const AgentSubscription& subscription, std::weak_ptr<AgentSink> sink,
                 Done<void> done) {
  const std::string name = group_name(subscription);
  const std::string& tenant = subscription.tenant_id;
  Group& group = groups_[name];
  group.name = name;
  group.tenant = tenant;
  group.members.join(id, std::move(sink));
  // Where the scripts see that somebody is there. Whoever has heard of an entry reads all that there are.
  subscriptions_.add(
      pubsub_name(tenant),
      [this](std::string_view) {
        read_all();
        return true;
      },
      [this, name, id, done = std::move(done)](const Result<void>& added) {
        if (added) return create(name, id, done);
        on_created(name, id, added, done);
      });
}

void Inbox::create(const std::string& name, SubscriptionId id, const Done<void>& done) {
  const auto group = groups_.find(name);
  if (group == groups_.end()) return;
  run_script(commands_, scripts::join_inbox,
             {{"inbox", stream_},
              {"prefix", keys_.prefix()},
              {"pubsub_prefix", keys_.pubsub_prefix()},
              {"channel", channel_},
              {"group", name},
              {"consumer", keys_.instance()},
              {"scope", group->second.tenant}},
             [this, name, id, done](const Result<Reply>& created) {
               on_created(name, id, created ? Result<void>() : Result<void>(created.error()), done);
             });
}

void Inbox::on_created(const std::string& name, SubscriptionId id, const Result<void>& created,
                       const Done<void>& done) {
  const auto it = groups_.find(name);
  if (it == groups_.end()) return;
  if (!it->second.members.contains(id)) return;
  if (!created) {
    leave(id);
    return done(created);
  }
  it->second.members.confirm(id);
  done({});
  // Who was told may have left at once, and its group with it.
  const auto joined = groups_.find(name);
  if (joined == groups_.end()) return;
  hand_out_held(joined->second);
  read(name);
}

void Inbox::leave(SubscriptionId id) {
  for (auto it = groups_.begin(); it != groups_.end(); ++it) {
    Group& group = it->second;
    if (!group.members.leave(id)) continue;
    if (!group.members.empty()) return;
    // What is held stays open in Redis: whoever has members claims it.
    const std::string tenant = group.tenant;
    groups_.erase(it);
    const bool last = std::none_of(groups_.begin(), groups_.end(),
                                   [&](const auto& other) { return other.second.tenant == tenant; });
    if (last) subscriptions_.remove(pubsub_name(tenant));
    return;
  }
}

void Inbox::acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                        Done<size_t> done) {
  const std::string name = group_name(group);
  std::vector<std::string_view> words{"XACK", stream_, name};
  if (!add_ids(words, ids)) return done(size_t{0});
  commands_.command(words, [this, name, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    const auto closed = static_cast<size_t>(reply->integer());
    on_closed(name, closed);
    done(closed);
  });
}

void Inbox::on_closed(const std::string& name, size_t closed) {
  const auto it = groups_.find(name);
  if (it != groups_.end()) it->second.open -= std::min(it->second.open, closed);
}

void Inbox::give_up(const AgentSubscription& group, const std::vector<std::string>& ids,
                    std::string_view reason, Done<size_t> done) {
  const std::string name = group_name(group);
  std::vector<std::string_view> given;
  if (!add_ids(given, ids)) return done(size_t{0});
  run_script(
      commands_, scripts::give_up,
      {{"inbox", stream_}, {"dead", keys_.dead_letters(channel_)}, {"group", name}, {"reason", reason}},
      given,
      [this, group, name, reason = std::string(reason), done = std::move(done)](const Result<Reply>& reply) {
        if (!reply) return done(reply.error());
        const auto closed = static_cast<size_t>(reply->integer());
        on_closed(name, closed);
        dead_letters_ += closed;
        log_given_up(channel_, group.group, group.tenant_id, closed, reason);
        done(closed);
      });
}

void Inbox::working(const AgentSubscription& group, const std::vector<std::string>& ids, Done<size_t> done) {
  begin_anew(group_name(group), ids, std::move(done));
}

// Claimed for this instance, whichever has it: that begins its idle time anew, and JUSTID counts no delivery.
void Inbox::begin_anew(const std::string& name, const std::vector<std::string>& ids, Done<size_t> done) {
  std::vector<std::string_view> words{"XCLAIM", stream_, name, keys_.instance(), "0"};
  if (!add_ids(words, ids)) return done(size_t{0});
  words.push_back("JUSTID");
  commands_.command(words, [done = std::move(done)](const Result<Reply>& reply) {
    if (reply) return done(reply->size());
    if (reply.error().detail.starts_with("Redis: NOGROUP"))
      return done(Error{Errc::not_found, "no such group on this channel"});
    done(reply.error());
  });
}

void Inbox::read_all() {
  for (auto& [name, group] : groups_) read(name);
}

void Inbox::read(const std::string& name) {
  const auto it = groups_.find(name);
  if (it == groups_.end() || !commands_.is_up()) return;
  Group& group = it->second;
  if (group.reading) {
    group.more = true;
    return;
  }
  // Whoever has no room takes nothing more: other instances may have some.
  if (!group.members.has_confirmed() || !group.held.empty() || !may_deliver_()) return;
  group.reading = true;
  commands_.command(
      {"XREADGROUP", "GROUP", name, keys_.instance(), "COUNT", kReadCount, "STREAMS", stream_, ">"},
      [this, name, since = loop_.now()](const Result<Reply>& reply) {
        const auto found = groups_.find(name);
        if (found == groups_.end()) return;  // its entries are claimed later
        Group& reader = found->second;
        reader.reading = false;
        if (!reply) {
          // Somebody deleted the stream: the group begins anew, with whatever is there.
          if (reply.error().detail.starts_with("Redis: NOGROUP")) {
            commands_.command({"XGROUP", "CREATE", stream_, name, "0", "MKSTREAM"}, {});
          }
          return;
        }
        const Reply entries = (*reply)[0][1];
        take(reader, entries, since);
        if (std::exchange(reader.more, false) || entries.size() > 0) read(name);
      });
}

void Inbox::take(Group& group, const Reply& entries, TimePoint since) {
  for (size_t i = 0; i < entries.size(); ++i) {
    const InboxEntry taken(entries[i]);
    const bool foreign = !group.tenant.empty() && taken.tenant != group.tenant;
    // Not for this group, or not what the gateway writes: done with it.
    if (foreign || taken.envelope.empty()) {
      commands_.command({"XACK", stream_, group.name, taken.id_text}, {});
      continue;
    }
    ++group.open;
    group.held.push_back({std::string(taken.id_text), std::string(taken.envelope), since});
  }
  hand_out_held(group);
}

void Inbox::hand_out_held(Group& group) {
  std::vector<std::string> late;
  while (!group.held.empty() && may_deliver_()) {
    const Held& next = group.held.front();
    const Duration age = loop_.now() - next.since;
    if (age > ack_wait_ - ack_wait_ / kDoubt || !group.members.hand_out(next.id, next.envelope)) break;
    if (age > ack_wait_ / kLate) late.push_back(next.id);
    group.held.pop_front();
  }
  if (!late.empty()) begin_anew(group.name, late, [](const Result<size_t>&) {});
}

// When the other instances have had the time to claim what was held for so long.
void Inbox::keep_what_is_ours(Group& group) {
  const TimePoint now = loop_.now();
  if (group.looking || group.held.empty() || !commands_.is_up()) return;
  if (now - group.held.front().since <= ack_wait_ + ack_wait_ / kDoubt) return;
  group.looking = true;
  std::set<std::string> asked;
  for (const Held& held : group.held) asked.insert(held.id);
  const std::vector<std::string_view> ids(asked.begin(), asked.end());
  run_script(commands_, scripts::keep_ours,
             {{"inbox", stream_}, {"group", group.name}, {"consumer", keys_.instance()}}, ids,
             [this, name = group.name, asked, now](const Result<Reply>& reply) {
               const auto found = groups_.find(name);
               if (found == groups_.end()) return;
               found->second.looking = false;
               if (reply) on_kept(found->second, asked, *reply, now);
             });
}

void Inbox::on_kept(Group& group, const std::set<std::string>& asked, const Reply& ours, TimePoint since) {
  std::set<std::string_view> kept;
  for (size_t i = 0; i < ours.size(); ++i) kept.insert(ours[i].text());
  const size_t dropped = std::erase_if(
      group.held, [&](const Held& held) { return asked.contains(held.id) && !kept.contains(held.id); });
  group.open -= std::min(group.open, dropped);
  for (Held& held : group.held) {
    if (asked.contains(held.id)) held.since = since;
  }
  hand_out_held(group);
}

void Inbox::tick(TimePoint now, bool first) {
  const bool read_due = now - read_at_ >= kReadEvery;
  if (read_due) read_at_ = now;
  for (auto& [name, group] : groups_) {
    hand_out_held(group);
    keep_what_is_ours(group);
    if (read_due) read(name);
    if (now - group.claimed_at < kClaimEvery || !group.held.empty() || !may_deliver_()) continue;
    group.claimed_at = now;
    claim(name);
  }
  if (!first || now - tidied_at_ < kTidyEvery || !commands_.is_up()) return;
  tidied_at_ = now;
  tidy();
}

void Inbox::claim(const std::string& name) {
  const std::string deliveries = std::to_string(GroupMembers::kDeliveriesMax);
  run_script(commands_, scripts::claim,
             {{"inbox", stream_},
              {"dead", keys_.dead_letters(channel_)},
              {"group", name},
              {"consumer", keys_.instance()},
              {"idle_ms", ack_wait_ms_},
              {"deliveries_most", deliveries},
              {"most", kClaimCount}},
             [this, name, since = loop_.now()](const Result<Reply>& reply) {
               const auto found = groups_.find(name);
               if (!reply || found == groups_.end()) return;
               const auto given_up = static_cast<size_t>((*reply)[0].integer());
               dead_letters_ += given_up;
               const std::string& tenant = found->second.tenant;
               const size_t prefix = tenant.empty() ? 0 : tenant.size() + 1;
               log_given_up(channel_, std::string_view(name).substr(prefix), tenant, given_up,
                            "delivered too often");
               take(found->second, (*reply)[1], since);
             });
}

void Inbox::tidy() {
  const auto ms_before = [now = loop_.wall_now()](Duration age) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(age);
    return std::to_string((now - ms).time_since_epoch().count());
  };
  const std::string oldest = ms_before(age_max_), kept = ms_before(kKept),
                    deliveries = std::to_string(GroupMembers::kDeliveriesMax),
                    abandoned = std::to_string(GroupMembers::kForgetAfter.count());
  run_script(
      commands_, scripts::tidy_inbox,
      {{"inbox", stream_},
       {"prefix", keys_.prefix()},
       {"pubsub_prefix", keys_.pubsub_prefix()},
       {"channel", channel_},
       {"oldest_ms", oldest},
       {"kept_ms", kept},
       {"idle_ms", ack_wait_ms_},
       {"deliveries_most", deliveries},
       {"group_idle_ms", abandoned},
       {"most", size_max_},
       {"swept", swept_},
       {"sweep_most", kSweepCount}},
      [this](const Result<Reply>& reply) {
        if (!reply) return log::debug("inbox_tidy_failed", {{"reason", reply.error().detail}});
        swept_ = (*reply)[2].text();
        if (swept_ != "0-0") tidied_at_ = {};  // there is more to look at
        dead_letters_ += static_cast<uint64_t>((*reply)[1].integer());
        if ((*reply)[1].integer() > 0) {
          log::warn("inbox_messages_put_aside", {{"channel", channel_}, {"count", (*reply)[1].integer()}});
        }
      });
}

size_t Inbox::members(std::string_view tenant) const {
  size_t count = 0;
  for (const auto& [name, group] : groups_) {
    if (tenant.empty() || group.tenant == tenant) count += group.members.size();
  }
  return count;
}

size_t Inbox::unacknowledged(std::string_view tenant) const {
  size_t count = 0;
  for (const auto& [name, group] : groups_) {
    if (tenant.empty() || group.tenant == tenant) count += group.open;
  }
  return count;
}

}  // namespace gw::redis
