#include "engine/memory/agent_group.h"

#include "base/assert.h"

namespace gw::memory {

void AgentGroup::join(SubscriptionId id, std::weak_ptr<AgentSink> sink) {
  members_.join(id, std::move(sink));
  members_.confirm(id);
}

void AgentGroup::leave(SubscriptionId id, TimePoint now) {
  members_.leave(id);
  if (members_.empty()) alone_since_ = now;
}

void AgentGroup::deliver(const AgentMessagePtr& message, TimePoint now) {
  const size_t bytes = message->envelope.size();
  while (!open_.empty() &&
         (open_.size() >= limits_.open_max || open_bytes_ + bytes > limits_.open_bytes_max)) {
    give_up(open_.begin(), Reason::room);
  }
  const auto open = open_.insert(open_.end(), {message, now, 0, now + limits_.ack_wait});
  const bool inserted = by_id_.emplace(message->message_id, open).second;
  ASSERT(inserted);
  open_bytes_ += bytes;
  if (members_.hand_out(message->message_id, message->envelope)) ++open->deliveries;
  by_due_.emplace_back(open->due, message->message_id);
}

bool AgentGroup::acknowledge(const std::string& id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return false;
  close(it->second);
  return true;
}

// Behind all others: what is worked on is never too old, and the last to be given up for want of room.
bool AgentGroup::put_off(const std::string& id, TimePoint now) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return false;
  Open& open = *it->second;
  open.since = now;
  open_.splice(open_.end(), open_, it->second);
  // Twice within one turn is once.
  if (open.due == now + limits_.ack_wait) return true;
  open.due = now + limits_.ack_wait;
  by_due_.emplace_back(open.due, id);
  return true;
}

void AgentGroup::tick(TimePoint now) {
  if (members_.empty() && now - alone_since_ >= GroupMembers::kForgetAfter) {
    while (!open_.empty()) give_up(open_.begin(), Reason::no_members);
  }
  while (!open_.empty() && now - open_.front().since >= limits_.open_age_max) {
    give_up(open_.begin(), Reason::age);
  }
  tick_due(now);
}

void AgentGroup::tick_due(TimePoint now) {
  while (!by_due_.empty() && by_due_.front().first <= now) {
    const auto [due, id] = std::move(by_due_.front());
    by_due_.pop_front();
    const auto it = by_id_.find(id);
    if (it == by_id_.end() || it->second->due != due) continue;
    Open& open = *it->second;
    if (open.deliveries >= GroupMembers::kDeliveriesMax) {
      give_up(it->second, Reason::deliveries);
      continue;
    }
    // Without a member the wait goes on and does not count as a delivery.
    if (members_.hand_out(id, open.message->envelope)) ++open.deliveries;
    open.due = now + limits_.ack_wait;
    by_due_.emplace_back(open.due, id);
  }
}

void AgentGroup::close(OpenList::iterator open) {
  open_bytes_ -= open->message->envelope.size();
  by_id_.erase(open->message->message_id);
  open_.erase(open);
}

void AgentGroup::give_up(OpenList::iterator open, Reason reason) {
  ++given_up_[static_cast<size_t>(reason)];
  close(open);
}

}  // namespace gw::memory
