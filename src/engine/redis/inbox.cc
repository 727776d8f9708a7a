#include "engine/redis/inbox.h"

#include <algorithm>

#include "base/log.h"

namespace gw::redis {
namespace {

// The group that agents with a Redis client of their own share (contract: docs/PROTOCOL.md, "Redis").
constexpr std::string_view kAgentsGroup = "agents";
constexpr std::string_view kReadCount = "64";
constexpr std::string_view kClaimCount = "64";
constexpr std::string_view kDeadMax = "10000";
constexpr Duration kClaimEvery = 1s;
// A notice comes with each entry; this is for the one that was lost.
constexpr Duration kReadEvery = 1s;
constexpr Duration kTrimEvery = 1s;

bool is_entry_id(std::string_view id) {
  const size_t dash = id.find('-');
  const auto digits = [](std::string_view text) {
    return !text.empty() && text.size() <= 20 &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return dash != std::string_view::npos && digits(id.substr(0, dash)) && digits(id.substr(dash + 1));
}

// Of an entry's fields: name, value, name, value.
std::string_view field(const Reply& fields, std::string_view name) {
  for (size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (fields[i].text() == name) return fields[i + 1].text();
  }
  return {};
}

}  // namespace

Inbox::Inbox(std::string_view channel, Connection& commands, Subscriptions& subscriptions, const Keys& keys,
             Duration age_max)
    : commands_(commands),
      subscriptions_(subscriptions),
      keys_(keys),
      channel_(channel),
      stream_(keys.inbox(channel)),
      age_max_(age_max) {
  subscriptions_.keep(keys_.inbox_notice(channel_), [this](std::string_view) {
    read_all();
    return true;
  });
}

// A tenant's agents never share a group with another's; '/' stands in no name.
std::string Inbox::group_name(const AgentSubscription& subscription) {
  return subscription.tenant_id.empty() ? subscription.group
                                        : subscription.tenant_id + "/" + subscription.group;
}

void Inbox::on_up() { create(std::string(kAgentsGroup), {}); }

void Inbox::create(const std::string& group, OnReply done) {
  commands_.command({"XGROUP", "CREATE", stream_, group, "0", "MKSTREAM"},
                    [done = std::move(done)](const Result<Reply>& reply) {
                      const bool there = !reply && reply.error().detail.starts_with("Redis: BUSYGROUP");
                      if (done) done(there ? Result<Reply>(Reply(nullptr)) : reply);
                    });
}

void Inbox::join(SubscriptionId id, const AgentSubscription& subscription, std::weak_ptr<AgentSink> sink,
                 Done<void> done) {
  const std::string name = group_name(subscription);
  Group& group = groups_[name];
  group.name = name;
  group.tenant = subscription.tenant_id;
  group.members.push_back({id, std::move(sink)});
  create(name, [this, name, id, done = std::move(done)](const Result<Reply>& created) {
    on_created(name, id, created, done);
  });
}

void Inbox::on_created(const std::string& name, SubscriptionId id, const Result<Reply>& created,
                       const Done<void>& done) {
  const auto it = groups_.find(name);
  if (it == groups_.end()) return;
  const auto member = std::find_if(it->second.members.begin(), it->second.members.end(),
                                   [id](const Member& m) { return m.id == id; });
  if (member == it->second.members.end()) return;
  member->open = created.has_value();
  if (!created) {
    leave(id);
    return done(created.error());
  }
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
    if (std::erase_if(group.members, [id](const Member& member) { return member.id == id; }) == 0) continue;
    // What is held stays open in Redis: whoever has members claims it.
    if (group.members.empty()) groups_.erase(it);
    return;
  }
}

void Inbox::acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids,
                        Done<size_t> done) {
  const std::string name = group_name(group);
  std::vector<std::string_view> words{"XACK", stream_, name};
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(words), is_entry_id);
  if (words.size() == 3) return done(size_t{0});
  commands_.command(words, [this, name, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    const auto closed = static_cast<size_t>(reply->integer());
    const auto it = groups_.find(name);
    if (it != groups_.end()) it->second.open -= std::min(it->second.open, closed);
    done(closed);
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
  const bool confirmed =
      std::any_of(group.members.begin(), group.members.end(), [](const Member& m) { return m.open; });
  if (!confirmed || !group.held.empty() || !may_deliver_()) return;
  group.reading = true;
  commands_.command(
      {"XREADGROUP", "GROUP", name, keys_.instance(), "COUNT", kReadCount, "STREAMS", stream_, ">"},
      [this, name](const Result<Reply>& reply) {
        const auto found = groups_.find(name);
        if (found == groups_.end()) return;  // its entries are claimed later
        Group& reader = found->second;
        reader.reading = false;
        if (!reply) {
          // Somebody deleted the stream: the group begins anew.
          if (reply.error().detail.starts_with("Redis: NOGROUP")) create(name, {});
          return;
        }
        const Reply entries = (*reply)[0][1];
        take(reader, entries);
        if (std::exchange(reader.more, false) || entries.size() > 0) read(name);
      });
}

void Inbox::take(Group& group, const Reply& entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string_view id = entries[i][0].text();
    const Reply fields = entries[i][1];
    const bool foreign = !group.tenant.empty() && field(fields, "tenant_id") != group.tenant;
    // Not for this group, or not what the gateway writes: done with it.
    if (foreign || field(fields, "envelope").empty()) {
      commands_.command({"XACK", stream_, group.name, id}, {});
      continue;
    }
    Held entry{std::string(id), std::string(field(fields, "envelope"))};
    ++group.open;
    if (!group.held.empty() || !hand_out(group, entry)) group.held.push_back(std::move(entry));
  }
}

bool Inbox::hand_out(Group& group, const Held& entry) {
  for (size_t tries = 0; tries < group.members.size(); ++tries) {
    const Member& member = group.members[group.next_member++ % group.members.size()];
    const std::shared_ptr<AgentSink> sink = member.open ? member.sink.lock() : nullptr;
    if (sink && sink->deliver(entry.id, entry.envelope)) return true;
  }
  return false;
}

void Inbox::hand_out_held(Group& group) {
  while (!group.held.empty() && hand_out(group, group.held.front())) group.held.pop_front();
}

void Inbox::tick(TimePoint now, bool first) {
  const bool read_due = now - read_at_ >= kReadEvery;
  if (read_due) read_at_ = now;
  for (auto& [name, group] : groups_) {
    if (may_deliver_()) hand_out_held(group);
    if (read_due) read(name);
    if (now - group.claimed_at < kClaimEvery || !group.held.empty() || !may_deliver_()) continue;
    group.claimed_at = now;
    claim(name);
  }
  if (!first || now - trimmed_at_ < kTrimEvery || !commands_.is_up()) return;
  trimmed_at_ = now;
  give_up_stale();
  trim();
}

void Inbox::claim(const std::string& name) {
  const std::string idle = std::to_string(kRedeliverAfter.count()),
                    deliveries = std::to_string(kDeliveriesMax);
  run_script(commands_, scripts::claim,
             {keys_.prefix(), stream_, name, keys_.instance(), idle, deliveries, kClaimCount, kDeadMax},
             [this, name](const Result<Reply>& reply) {
               const auto found = groups_.find(name);
               if (!reply || found == groups_.end()) return;
               if ((*reply)[0].integer() > 0) {
                 log::warn("agent_messages_given_up",
                           {{"channel", channel_}, {"group", name}, {"count", (*reply)[0].integer()}});
               }
               take(found->second, (*reply)[1]);
             });
}

// Agents with a Redis client of their own claim what they want; what none of them could do must end too.
void Inbox::give_up_stale() {
  if (groups_.contains(std::string(kAgentsGroup))) return;
  const std::string idle = std::to_string(kRedeliverAfter.count()),
                    deliveries = std::to_string(kDeliveriesMax);
  run_script(commands_, scripts::claim,
             {keys_.prefix(), stream_, kAgentsGroup, "", idle, deliveries, kClaimCount, kDeadMax},
             [this](const Result<Reply>& reply) {
               if (!reply && reply.error().detail.find("NOGROUP") != std::string::npos) on_up();
             });
}

void Inbox::trim() {
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(age_max_);
  const std::string oldest = std::to_string((wall_now() - age).time_since_epoch().count());
  run_script(commands_, scripts::trim, {keys_.prefix(), stream_, oldest}, [this](const Result<Reply>& reply) {
    if (!reply) return log::debug("inbox_trim_failed", {{"reason", reply.error().detail}});
    if ((*reply)[1].integer() > 0) {
      log::warn("inbox_messages_expired", {{"channel", channel_}, {"count", (*reply)[1].integer()}});
    }
  });
}

size_t Inbox::members() const {
  size_t count = 0;
  for (const auto& [name, group] : groups_) count += group.members.size();
  return count;
}

size_t Inbox::unacknowledged() const {
  size_t count = 0;
  for (const auto& [name, group] : groups_) count += group.open;
  return count;
}

}  // namespace gw::redis
