#include "core/channel_queue.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace gw {
namespace {

// A circuit that is half open, and has no messages to try it with, closes when probes have come so long.
constexpr Duration kProvenAfter = 2s;

void add(ChannelQueue::Amount& amount, size_t bytes) {
  ++amount.messages;
  amount.bytes += bytes;
}

void subtract(ChannelQueue::Amount& amount, size_t bytes) {
  --amount.messages;
  amount.bytes -= bytes;
}

// Whether, with these bytes more, `held` does not exceed what is left free when `all` share the capacity.
bool leaves_as_much(const ChannelQueue::Amount& held, const ChannelQueue::Amount& all, size_t bytes,
                    const ChannelQueue::Amount& capacity) {
  return held.messages + 1 + all.messages + 1 <= capacity.messages &&
         held.bytes + bytes + all.bytes + bytes <= capacity.bytes;
}

}  // namespace

bool ChannelQueue::has_waiting(std::string_view tenant) const {
  const auto number = by_tenant_.find(tenant);
  return number != by_tenant_.end() && lanes_.find(number->second)->second.waiting > 0;
}

std::optional<ChannelQueue::Id> ChannelQueue::begin(AgentMessagePtr message, TimePoint now) {
  if (const Lane* lane = find(message->tenant_id)) {
    if (lane->waiting > 0 || (lane->alone && lane->in_flight > 0)) return std::nullopt;
  }
  if (!breaker_.allow(now)) return std::nullopt;
  uint64_t number = 0;
  Lane& lane = find_or_make(*message, number);
  const Id id{number, lane.first + lane.entries.size()};
  lane.entries.push_back({std::move(message), now, State::in_flight, false});
  ++lane.in_flight;
  ++in_flight_;
  return id;
}

bool ChannelQueue::push(AgentMessagePtr message, TimePoint now) {
  if (!has_room(find(message->tenant_id), *message)) return false;
  uint64_t number = 0;
  Lane& lane = find_or_make(*message, number);
  // It could not go, or found nobody: until one is heard they go one by one. Of several on their way the
  // first could find nobody and the later ones an agent that has just come, and the order would be lost.
  if (lane.waiting == 0) lane.alone = true;
  lane.entries.push_back({std::move(message), now, State::waiting, false});
  ++lane.waiting;
  promise(number, lane, lane.entries.back());
  schedule(number, lane);
  return true;
}

std::optional<ChannelQueue::Attempt> ChannelQueue::next(TimePoint now) {
  make_ready(now);
  if (tries_.empty() || tries_.begin()->first.first != kReady || !breaker_.allow(now)) return std::nullopt;
  const uint64_t number = tries_.begin()->second;
  Lane& lane = lanes_.find(number)->second;
  ++looks_;
  while (lane.entries[lane.first_waiting - lane.first].state != State::waiting) ++lane.first_waiting;
  const Id id{number, lane.first_waiting++};
  Entry& entry = lane.entries[id.number - lane.first];
  entry.state = State::in_flight;
  --lane.waiting;
  ++lane.in_flight;
  ++in_flight_;
  // Out of the list first: a lane that may go on at once does so behind the others.
  schedule(number, lane, kNever);
  schedule(number, lane);
  return Attempt{id, entry.message};
}

ChannelQueue::Turn ChannelQueue::turn(Id id) const {
  if (amount_.messages == 0) return Turn::free;
  const Lane& lane = lanes_.find(id.lane)->second;
  if (lane.amount.messages == 0) return Turn::free;
  return lane.in_flight == 1 ? Turn::first : Turn::behind;
}

void ChannelQueue::on_taken(Id id) {
  Lane& lane = lane_of(id);
  Entry& entry = come_back(lane, id);
  breaker_.on_success();
  lane.alone = false;
  finish(lane, entry);
  trim(id.lane, lane);
  schedule(id.lane, lane);
}

ChannelQueue::Kept ChannelQueue::on_nobody(Id id, TimePoint now) {
  Lane& lane = lane_of(id);
  breaker_.on_success();
  lane.retry_at = now + options_.retry_every;
  return keep(lane, id, true);
}

ChannelQueue::Kept ChannelQueue::on_full(Id id, TimePoint now) {
  Lane& lane = lane_of(id);
  breaker_.on_success();
  lane.retry_at = now + options_.retry_every;
  return keep(lane, id, false);
}

// It is tried again as soon as the circuit allows: that is what counts failures and waits.
ChannelQueue::Kept ChannelQueue::on_failure(Id id, TimePoint now, bool of_the_server) {
  breaker_.on_failure(now);
  server_failed_ = of_the_server;
  return keep(lane_of(id), id, true);
}

ChannelQueue::Kept ChannelQueue::keep(Lane& lane, Id id, bool may_wait) {
  Entry& entry = come_back(lane, id);
  lane.alone = true;
  Kept kept = Kept::still_queued;
  if (!entry.promised) {
    kept = may_wait && has_room(&lane, *entry.message) ? Kept::queued : Kept::refused;
    if (kept == Kept::queued) {
      promise(id.lane, lane, entry);
    } else {
      finish(lane, entry);
      trim(id.lane, lane);
    }
  }
  schedule(id.lane, lane);
  return kept;
}

size_t ChannelQueue::expire(TimePoint now) {
  forget_emptied();
  size_t expired = 0;
  while (!expiries_.empty() && expiries_.begin()->first.first <= now) {
    const uint64_t number = expiries_.begin()->second;
    Lane& lane = lanes_.find(number)->second;
    ++looks_;
    // What is on its way may yet be taken: it is looked at again when that is known.
    while (!lane.entries.empty() && lane.entries.front().state == State::waiting &&
           lane.entries.front().since + options_.age <= now) {
      finish(lane, lane.entries.front());
      trim(number, lane);
      ++expired;
    }
    TimePoint again = kNever;
    if (!lane.entries.empty()) {
      const Entry& front = lane.entries.front();
      again = front.state == State::waiting ? front.since + options_.age : now + options_.retry_every;
    }
    schedule_look(number, lane, again);
    schedule(number, lane);
  }
  return expired;
}

void ChannelQueue::wake() {
  for (auto& [number, lane] : lanes_) {
    lane.retry_at = kReady;
    schedule(number, lane);
  }
}

// Half open first, so that a message is tried; without any the probes close it.
void ChannelQueue::on_engine_works(TimePoint now) {
  if (!server_failed_) return;
  if (breaker_.state() == CircuitBreaker::State::open) {
    breaker_.try_again();
    works_since_ = now;
  } else if (now - works_since_ >= kProvenAfter) {
    breaker_.close();
  }
  server_failed_ = breaker_.state() != CircuitBreaker::State::closed;
  wake();
}

std::vector<ChannelQueue::Left> ChannelQueue::take_all() {
  ASSERT(is_quiet());
  std::vector<Left> left;
  for (const auto& [tenant, number] : by_tenant_) {
    for (Entry& entry : lanes_.find(number)->second.entries) {
      if (entry.state != State::waiting) continue;
      left.push_back({std::move(entry.message), entry.since + options_.age});
    }
  }
  lanes_.clear();
  by_tenant_.clear();
  tries_.clear();
  expiries_.clear();
  emptied_.clear();
  amount_ = {};
  return left;
}

ChannelQueue::Amount ChannelQueue::amount(std::string_view tenant) const {
  if (tenant.empty()) return amount_;
  const auto number = by_tenant_.find(tenant);
  return number == by_tenant_.end() ? Amount() : lanes_.find(number->second)->second.amount;
}

void ChannelQueue::fill(ChannelStats& stats, std::string_view tenant) const {
  const Amount waiting = amount(tenant);
  stats.queue_size = waiting.messages;
  stats.queue_bytes = waiting.bytes;
  stats.queue_max = options_.messages;
  stats.circuit_state = to_string(breaker_.state());
  stats.failure_count = breaker_.failures();
}

ChannelQueue::Lane* ChannelQueue::find(std::string_view tenant) {
  const auto number = by_tenant_.find(tenant);
  return number == by_tenant_.end() ? nullptr : &lanes_.find(number->second)->second;
}

ChannelQueue::Lane& ChannelQueue::find_or_make(const AgentMessage& message, uint64_t& number) {
  const auto [it, is_new] = by_tenant_.try_emplace(message.tenant_id, next_lane_);
  number = it->second;
  Lane& lane = lanes_[number];
  if (is_new) {
    ++next_lane_;
    lane.tenant = message.tenant_id;
  }
  return lane;
}

bool ChannelQueue::has_room(const Lane* lane, const AgentMessage& message) const {
  const size_t bytes = message.envelope.size();
  Amount of_tenant, of_sender;
  if (lane) {
    of_tenant = lane->amount;
    const auto held = lane->by_sender.find(message.sender);
    if (held != lane->by_sender.end()) of_sender = held->second;
  }
  return leaves_as_much(of_sender, of_tenant, bytes, {options_.messages * 2, options_.bytes * 2}) &&
         leaves_as_much(of_tenant, amount_, bytes, {options_.messages * 4, options_.bytes * 4});
}

void ChannelQueue::promise(uint64_t number, Lane& lane, Entry& entry) {
  const size_t bytes = entry.message->envelope.size();
  for (Amount* amount : {&amount_, &lane.amount, &lane.by_sender[entry.message->sender]}) add(*amount, bytes);
  entry.promised = true;
  if (lane.look_at == kNever) schedule_look(number, lane, lane.entries.front().since + options_.age);
}

ChannelQueue::Entry& ChannelQueue::come_back(Lane& lane, Id id) {
  Entry& entry = lane.entries[id.number - lane.first];
  ASSERT(entry.state == State::in_flight);
  entry.state = State::waiting;
  --lane.in_flight;
  --in_flight_;
  ++lane.waiting;
  lane.first_waiting = std::min(lane.first_waiting, id.number);
  return entry;
}

// Of one that waits.
void ChannelQueue::finish(Lane& lane, Entry& entry) {
  ASSERT(entry.state == State::waiting);
  if (entry.promised) {
    const size_t bytes = entry.message->envelope.size();
    subtract(amount_, bytes);
    subtract(lane.amount, bytes);
    const auto held = lane.by_sender.find(entry.message->sender);
    subtract(held->second, bytes);
    if (held->second.messages == 0) lane.by_sender.erase(held);
  }
  --lane.waiting;
  entry.state = State::done;
  entry.message.reset();
}

void ChannelQueue::trim(uint64_t number, Lane& lane) {
  while (!lane.entries.empty() && lane.entries.front().state == State::done) {
    lane.entries.pop_front();
    ++lane.first;
  }
  lane.first_waiting = std::max(lane.first_waiting, lane.first);
  if (lane.entries.empty() && !std::exchange(lane.emptied, true)) emptied_.push_back(number);
}

// When it may be tried: never, while nothing waits or one that goes alone is on its way.
void ChannelQueue::schedule(uint64_t number, Lane& lane) {
  const bool may_try = lane.waiting > 0 && (!lane.alone || lane.in_flight == 0);
  schedule(number, lane, !may_try ? kNever : lane.alone ? lane.retry_at : kReady);
}

void ChannelQueue::schedule(uint64_t number, Lane& lane, TimePoint at) {
  if (at == lane.try_at) return;
  if (lane.try_at != kNever) tries_.erase({lane.try_at, lane.turn});
  lane.try_at = at;
  lane.turn = ++turns_;
  if (at != kNever) tries_.emplace(std::pair(at, lane.turn), number);
}

// Lanes whose time has come line up behind those that are ready: none goes first because it came late.
void ChannelQueue::make_ready(TimePoint now) {
  constexpr auto kLastTurn = std::numeric_limits<uint64_t>::max();
  while (true) {
    const auto due = tries_.upper_bound({kReady, kLastTurn});
    if (due == tries_.end() || due->first.first > now) return;
    const uint64_t number = due->second;
    Lane& lane = lanes_.find(number)->second;
    lane.retry_at = kReady;
    schedule(number, lane);
  }
}

void ChannelQueue::schedule_look(uint64_t number, Lane& lane, TimePoint when) {
  if (lane.look_at != kNever) expiries_.erase({lane.look_at, number});
  lane.look_at = when;
  if (when != kNever) expiries_.emplace(std::pair(when, number), number);
}

void ChannelQueue::forget_emptied() {
  for (const uint64_t number : std::exchange(emptied_, {})) {
    Lane& lane = lanes_.find(number)->second;
    lane.emptied = false;
    if (!lane.entries.empty()) continue;
    schedule_look(number, lane, kNever);
    by_tenant_.erase(lane.tenant);
    lanes_.erase(number);
  }
}

}  // namespace gw
