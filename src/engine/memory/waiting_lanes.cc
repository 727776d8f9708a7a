#include "engine/memory/waiting_lanes.h"

#include <vector>

namespace gw::memory {
namespace {

void add(WaitingLanes::Amount& amount, size_t bytes) {
  ++amount.messages;
  amount.bytes += bytes;
}

void subtract(WaitingLanes::Amount& amount, size_t bytes) {
  --amount.messages;
  amount.bytes -= bytes;
}

// Whether, with these bytes more, `held` does not exceed what is left free when `all` share `capacity`.
bool leaves_as_much(const WaitingLanes::Amount& held, const WaitingLanes::Amount& all, size_t bytes,
                    const WaitingLanes::Limits& capacity) {
  return held.messages + 1 + all.messages + 1 <= capacity.messages &&
         held.bytes + bytes + all.bytes + bytes <= capacity.bytes;
}

}  // namespace

WaitingLanes::Amount WaitingLanes::amount(std::string_view tenant) const {
  if (tenant.empty()) return amount_;
  const auto lane = lanes_.find(tenant);
  return lane == lanes_.end() ? Amount() : lane->second.amount;
}

bool WaitingLanes::push(AgentEntry entry, uint64_t sender, TimePoint now) {
  const size_t bytes = entry.envelope->size();
  const auto found = lanes_.find(entry.tenant_id);
  Amount of_tenant, of_sender;
  if (found != lanes_.end()) {
    of_tenant = found->second.amount;
    const auto held = found->second.by_sender.find(sender);
    if (held != found->second.by_sender.end()) of_sender = held->second;
  }
  if (!leaves_as_much(of_sender, of_tenant, bytes, {limits_.messages * 2, limits_.bytes * 2}) ||
      !leaves_as_much(of_tenant, amount_, bytes, {limits_.messages * 4, limits_.bytes * 4}))
    return false;
  Lane& lane = found != lanes_.end() ? found->second : lanes_[entry.tenant_id];
  for (Amount* amount : {&amount_, &lane.amount, &lane.by_sender[sender]}) add(*amount, bytes);
  lane.entries.push_back({std::move(entry), sender, now});
  return true;
}

void WaitingLanes::drain(const Offer& offer) {
  std::vector<Lanes::iterator> open;
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) open.push_back(lane);
  while (!open.empty()) {
    std::erase_if(open, [&](const Lanes::iterator& it) {
      Lane& lane = it->second;
      if (!offer(lane.entries.front().entry)) return true;
      pop(lane);
      if (!lane.entries.empty()) return false;
      lanes_.erase(it);
      return true;
    });
  }
}

size_t WaitingLanes::expire(TimePoint oldest) {
  size_t dropped = 0;
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    Lane& lane = it->second;
    for (; !lane.entries.empty() && lane.entries.front().since <= oldest; ++dropped) pop(lane);
    it = lane.entries.empty() ? lanes_.erase(it) : std::next(it);
  }
  return dropped;
}

void WaitingLanes::pop(Lane& lane) {
  const Waiting& waiting = lane.entries.front();
  const size_t bytes = waiting.entry.envelope->size();
  subtract(amount_, bytes);
  subtract(lane.amount, bytes);
  const auto held = lane.by_sender.find(waiting.sender);
  subtract(held->second, bytes);
  if (held->second.messages == 0) lane.by_sender.erase(held);
  lane.entries.pop_front();
}

}  // namespace gw::memory
