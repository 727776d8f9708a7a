// The agents of one instance that share a group's messages, on either engine: each message goes to the next
// one that has room. What they have to acknowledge, and how long the group waits for it, is said here.
#pragma once

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "core/agent_delivery.h"

namespace gw {

class GroupMembers {
 public:
  // What a member had and did not acknowledge goes to another after this (ack-wait), and is given up after so
  // many.
  static constexpr Duration kAckWait = 30s;
  static constexpr int kDeliveriesMax = 5;
  // A group without members on any instance keeps what is open this long.
  static constexpr std::chrono::milliseconds kForgetAfter{600'000};

  // It gets nothing until it is confirmed.
  void join(SubscriptionId id, std::weak_ptr<AgentSink> sink) { members_.push_back({id, std::move(sink)}); }
  void confirm(SubscriptionId id);
  // False: it is not here.
  bool leave(SubscriptionId id);

  bool contains(SubscriptionId id) const;
  bool has_confirmed() const;
  bool empty() const { return members_.empty(); }
  size_t size() const { return members_.size(); }

  // To one of them. False: none has room.
  bool hand_out(std::string_view id, std::string_view envelope);

 private:
  struct Member {
    SubscriptionId id;
    std::weak_ptr<AgentSink> sink;
    bool confirmed = false;
  };

  std::vector<Member> members_;
  size_t next_ = 0;
};

}  // namespace gw
