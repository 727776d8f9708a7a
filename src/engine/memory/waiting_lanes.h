// What waits for an agent of one channel: a lane for each tenant, in order of arrival.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/memory/agent_entry.h"

namespace gw::memory {

class WaitingLanes {
 public:
  // Of one sender. A tenant may have twice, a channel four times as much; and whatever one sender has, or one
  // tenant, as much is left for the others: who comes last still finds room.
  struct Limits {
    size_t messages = 1000;
    size_t bytes = size_t{16} << 20;
  };
  struct Amount {
    size_t messages = 0;
    size_t bytes = 0;
  };
  // False: nobody can take it now.
  using Offer = std::function<bool(const AgentEntry&)>;

  explicit WaitingLanes(const Limits& limits) : limits_(limits) {}

  bool empty() const { return lanes_.empty(); }
  bool has(std::string_view tenant) const { return lanes_.contains(tenant); }
  // Of a tenant; empty: of all.
  Amount amount(std::string_view tenant) const;

  // False: there is no room.
  bool push(AgentEntry entry, uint64_t sender, TimePoint now);
  // Offers each lane in its order, the lanes in turn, until what comes next in each is refused.
  void drain(const Offer& offer);
  // Drops what came at `oldest` or before; answers how many.
  size_t expire(TimePoint oldest);

 private:
  struct Waiting {
    AgentEntry entry;
    uint64_t sender;
    TimePoint since;
  };
  struct Lane {
    std::deque<Waiting> entries;
    Amount amount;
    std::unordered_map<uint64_t, Amount> by_sender;
  };
  using Lanes = std::map<std::string, Lane, std::less<>>;

  void pop(Lane& lane);

  const Limits limits_;
  Lanes lanes_;  // none is empty
  Amount amount_;
};

}  // namespace gw::memory
