#include "engine/memory/agent_group.h"

#include <algorithm>

#include "base/assert.h"

namespace gw::memory {

void AgentGroup::join(SubscriptionId id, std::weak_ptr<AgentSink> sink) {
  members_.emplace_back(id, std::move(sink));
}

void AgentGroup::leave(SubscriptionId id, TimePoint now) {
  std::erase_if(members_, [id](const auto& member) { return member.first == id; });
  if (members_.empty()) alone_since_ = now;
}

void AgentGroup::deliver(const AgentEntry& entry, TimePoint now) {
  const size_t bytes = entry.envelope->size();
  while (!open_.empty() &&
         (open_.size() >= limits_.open_max || open_bytes_ + bytes > limits_.open_bytes_max)) {
    give_up(open_.begin(), Reason::room);
  }
  const auto open = open_.insert(open_.end(), {entry, now, 0, now + kRedeliverAfter});
  const bool inserted = by_id_.emplace(entry.id, open).second;
  ASSERT(inserted);
  open_bytes_ += bytes;
  if (hand_out(entry)) ++open->deliveries;
  by_due_.emplace_back(open->due, entry.id);
}

bool AgentGroup::acknowledge(const std::string& id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return false;
  close(it->second);
  return true;
}

void AgentGroup::tick(TimePoint now) {
  if (members_.empty() && now - alone_since_ >= kForgetAfter) {
    while (!open_.empty()) give_up(open_.begin(), Reason::no_members);
  }
  while (!open_.empty() && now - open_.front().since >= limits_.open_age_max) {
    give_up(open_.begin(), Reason::age);
  }
  while (!by_due_.empty() && by_due_.front().first <= now) {
    const auto [due, id] = std::move(by_due_.front());
    by_due_.pop_front();
    const auto it = by_id_.find(id);
    if (it == by_id_.end() || it->second->due != due) continue;
    Open& open = *it->second;
    if (open.deliveries >= kDeliveriesMax) {
      give_up(it->second, Reason::deliveries);
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

void AgentGroup::close(OpenList::iterator open) {
  open_bytes_ -= open->entry.envelope->size();
  by_id_.erase(open->entry.id);
  open_.erase(open);
}

void AgentGroup::give_up(OpenList::iterator open, Reason reason) {
  ++given_up_[static_cast<size_t>(reason)];
  close(open);
}

}  // namespace gw::memory
