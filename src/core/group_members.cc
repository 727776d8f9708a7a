#include "core/group_members.h"

#include <algorithm>

namespace gw {

void GroupMembers::confirm(SubscriptionId id) {
  for (Member& member : members_) member.confirmed = member.confirmed || member.id == id;
}

bool GroupMembers::leave(SubscriptionId id) {
  return std::erase_if(members_, [id](const Member& member) { return member.id == id; }) > 0;
}

bool GroupMembers::contains(SubscriptionId id) const {
  return std::any_of(members_.begin(), members_.end(),
                     [id](const Member& member) { return member.id == id; });
}

bool GroupMembers::has_confirmed() const {
  return std::any_of(members_.begin(), members_.end(), [](const Member& member) { return member.confirmed; });
}

bool GroupMembers::hand_out(std::string_view id, std::string_view envelope) {
  for (size_t tries = 0; tries < members_.size(); ++tries) {
    const Member& member = members_[next_++ % members_.size()];
    const std::shared_ptr<AgentSink> sink = member.confirmed ? member.sink.lock() : nullptr;
    if (sink && sink->deliver(id, envelope)) return true;
  }
  return false;
}

}  // namespace gw
