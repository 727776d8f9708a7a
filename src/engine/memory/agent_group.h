// Competing agents: each message goes to one member, stays open until acknowledged, and is delivered again
// when that takes too long. What is open too often, too long, or over the bound is given up: a group never
// holds others back.
//
//   deliver --> open, with a member --acknowledge--> gone
//                 |  ^                (or over a bound, or too old: given up)
//   after ack_wait, to the next member; after kDeliveriesMax times given up
#pragma once

#include <array>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/time.h"
#include "core/agent_delivery.h"
#include "core/group_members.h"

namespace gw::memory {

// A tenant's agents never share a group with another's.
using GroupKey = std::pair<std::string, std::string>;  // tenant, name

class AgentGroup {
 public:
  struct Limits {
    size_t open_max = 1000;
    size_t open_bytes_max = size_t{16} << 20;
    Duration open_age_max = 300s;
    Duration ack_wait = GroupMembers::kAckWait;
  };

  explicit AgentGroup(const Limits& limits) : limits_(limits) {}

  void join(SubscriptionId id, std::weak_ptr<AgentSink> sink);
  void leave(SubscriptionId id, TimePoint now);

  size_t members() const { return members_.size(); }
  bool has_members() const { return !members_.empty(); }
  // Nothing open and nobody there: the group can be forgotten.
  bool idle() const { return members_.empty() && open_.empty(); }
  size_t open() const { return open_.size(); }

  // Opens it and gives it to the next member in turn; one that no member can take now stays open and is tried
  // again by tick(). The oldest are given up to make room.
  void deliver(const AgentMessagePtr& message, TimePoint now);
  // False when it is not open: acknowledged already, given up, or never delivered here.
  bool acknowledge(const std::string& id);
  // Its member still works on it: it counts as given out, and as come, now. False when it is not open.
  bool put_off(const std::string& id, TimePoint now);
  // Delivers again what has been open too long; gives up what is to be.
  void tick(TimePoint now);

  // How many were given up since it was asked last, by the reason.
  enum class Reason : uint8_t { deliveries, age, room, no_members };
  static constexpr std::array<std::string_view, 4> kReasons{"delivered too often", "too old", "no room",
                                                            "no members"};
  using GivenUp = std::array<size_t, kReasons.size()>;
  GivenUp take_given_up() { return std::exchange(given_up_, {}); }

 private:
  struct Open {
    AgentMessagePtr message;
    TimePoint since;
    int deliveries = 0;
    TimePoint due;
  };
  using OpenList = std::list<Open>;  // by `since`

  void tick_due(TimePoint now);
  void close(OpenList::iterator open);
  void give_up(OpenList::iterator open, Reason reason);

  const Limits limits_;
  GroupMembers members_;
  TimePoint alone_since_;  // without members
  OpenList open_;
  std::unordered_map<std::string, OpenList::iterator> by_id_;
  size_t open_bytes_ = 0;
  // Every open one once, plus stale ones whose `due` no longer matches.
  std::deque<std::pair<TimePoint, std::string>> by_due_;
  GivenUp given_up_{};
};

}  // namespace gw::memory
