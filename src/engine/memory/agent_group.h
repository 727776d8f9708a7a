// Competing agents: each entry goes to one member, stays open until acknowledged, and is delivered again
// when that takes too long. What is open too often, too long, or over the bound is given up: a group never
// holds others back.
#pragma once

#include <array>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "core/agent_delivery.h"
#include "engine/memory/agent_entry.h"

namespace gw::memory {

// A tenant's agents never share a group with another's.
using GroupKey = std::pair<std::string, std::string>;  // tenant, name

class AgentGroup {
 public:
  static constexpr Duration kRedeliverAfter = 30s;
  static constexpr int kDeliveriesMax = 5;
  // A group without members keeps what is open this long.
  static constexpr Duration kForgetAfter = 10min;

  struct Limits {
    size_t open_max = 1000;
    size_t open_bytes_max = size_t{16} << 20;
    Duration open_age_max = 300s;
  };

  explicit AgentGroup(const Limits& limits) : limits_(limits) {}

  void join(SubscriptionId id, std::weak_ptr<AgentSink> sink);
  void leave(SubscriptionId id, TimePoint now);

  size_t members() const { return members_.size(); }
  bool has_members() const { return !members_.empty(); }
  // Nothing open and nobody there: the group can be forgotten.
  bool idle() const { return members_.empty() && open_.empty(); }
  size_t open() const { return open_.size(); }

  // Opens the entry and gives it to the next member in turn; one that no member can take now stays open and
  // is tried again by tick(). The oldest are given up to make room.
  void deliver(const AgentEntry& entry, TimePoint now);
  // False when it is not open: acknowledged already, given up, or never delivered here.
  bool acknowledge(const std::string& id);
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
    AgentEntry entry;
    TimePoint since;
    int deliveries = 0;
    TimePoint due;
  };
  using OpenList = std::list<Open>;  // in order of arrival

  bool hand_out(const AgentEntry& entry);
  void close(OpenList::iterator open);
  void give_up(OpenList::iterator open, Reason reason);

  const Limits limits_;
  std::vector<std::pair<SubscriptionId, std::weak_ptr<AgentSink>>> members_;
  size_t next_member_ = 0;
  TimePoint alone_since_;  // without members
  OpenList open_;
  std::unordered_map<std::string, OpenList::iterator> by_id_;
  size_t open_bytes_ = 0;
  // Every open entry once, plus stale ones whose `due` no longer matches.
  std::deque<std::pair<TimePoint, std::string>> by_due_;
  GivenUp given_up_{};
};

}  // namespace gw::memory
