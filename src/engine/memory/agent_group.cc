#include "engine/memory/agent_group.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"

namespace gw {

void AgentGroup::join(SubscriptionId id, std::weak_ptr<AgentSink> sink) {
  members_.emplace_back(id, std::move(sink));
}

void AgentGroup::leave(SubscriptionId id) {
  std::erase_if(members_, [id](const auto& member) { return member.first == id; });
}

void AgentGroup::deliver(const AgentEntry& entry, TimePoint now) {
  ASSERT(has_room(entry.envelope->size()));
  const auto [it, inserted] = open_.try_emplace(entry.id);
  ASSERT(inserted);
  open_bytes_ += entry.envelope->size();
  it->second = {entry, hand_out(entry) ? 1 : 0, now + kRedeliverAfter};
  by_due_.emplace_back(it->second.due, entry.id);
}

bool AgentGroup::acknowledge(const std::string& id) {
  const auto it = open_.find(id);
  if (it == open_.end()) return false;
  open_bytes_ -= it->second.entry.envelope->size();
  open_.erase(it);
  return true;
}

void AgentGroup::tick(TimePoint now) {
  while (!by_due_.empty() && by_due_.front().first <= now) {
    const std::string id = std::move(by_due_.front().second);
    by_due_.pop_front();
    const auto it = open_.find(id);
    if (it == open_.end()) continue;
    Open& open = it->second;
    if (open.deliveries >= kDeliveriesMax) {
      log::warn("agent_message_given_up", {{"message_id", id}, {"deliveries", open.deliveries}});
      acknowledge(id);
      continue;
    }
    // Without a member the wait goes on and does not count as a delivery.
    if (hand_out(open.entry)) ++open.deliveries;
    open.due = now + kRedeliverAfter;
    by_due_.emplace_back(open.due, id);
  }
}

bool AgentGroup::hand_out(const AgentEntry& entry) {
  for (size_t tries = 0; tries < members_.size(); ++tries) {
    const auto sink = members_[next_member_++ % members_.size()].second.lock();
    if (sink && sink->deliver(entry.id, *entry.envelope)) return true;
  }
  return false;
}

}  // namespace gw
