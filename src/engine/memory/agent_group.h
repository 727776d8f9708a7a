// Competing agents: each entry goes to one member, stays open until acknowledged, and is delivered again
// when that takes too long. The same rules as a Redis Streams consumer group.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "core/broker.h"

namespace gw {

// What agents get, whether from a client or a realm. Bytes are shared by all who hold it.
struct AgentEntry {
  std::string id;
  std::string tenant_id;
  std::shared_ptr<const std::string> envelope;
};

// A tenant's agents never share a group with another's.
using GroupKey = std::pair<std::string, std::string>;  // tenant, name

class AgentGroup {
 public:
  static constexpr Duration kRedeliverAfter = 30s;
  static constexpr int kDeliveriesMax = 5;

  struct Limits {
    size_t open_max = 1000;
    size_t open_bytes_max = size_t{16} << 20;
  };

  explicit AgentGroup(const Limits& limits) : limits_(limits) {}

  void join(SubscriptionId id, std::weak_ptr<AgentSink> sink);
  void leave(SubscriptionId id);

  size_t members() const { return members_.size(); }
  bool has_members() const { return !members_.empty(); }
  // Nothing open and nobody there: the group can be forgotten.
  bool idle() const { return members_.empty() && open_.empty(); }
  bool has_room(size_t bytes) const {
    return open_.size() < limits_.open_max && open_bytes_ + bytes <= limits_.open_bytes_max;
  }
  size_t open() const { return open_.size(); }

  // Opens the entry and gives it to the next member in turn. Needs room; an entry that no member can take
  // now stays open and is tried again by tick().
  void deliver(const AgentEntry& entry, TimePoint now);
  // False when it is not open: acknowledged already, given up, or never delivered here.
  bool acknowledge(const std::string& id);
  // Delivers again what has been open too long; gives up after kDeliveriesMax.
  void tick(TimePoint now);

 private:
  struct Open {
    AgentEntry entry;
    int deliveries = 0;
    TimePoint due;
  };

  bool hand_out(const AgentEntry& entry);

  const Limits limits_;
  std::vector<std::pair<SubscriptionId, std::weak_ptr<AgentSink>>> members_;
  size_t next_member_ = 0;
  std::unordered_map<std::string, Open> open_;
  size_t open_bytes_ = 0;
  // Every open entry once, plus stale ones whose `due` no longer matches.
  std::deque<std::pair<TimePoint, std::string>> by_due_;
};

}  // namespace gw
