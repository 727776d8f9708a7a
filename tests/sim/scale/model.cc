#include "sim/scale/model.h"

#include <algorithm>
#include <cmath>

#include "sim/scale/costs.h"

namespace gw::sim::scale {
namespace {

// What the gateway and its clients do, by their own constants.
// Changed records are written five times a second (engine/redis/registry.cc). Heartbeats come in clumps, so
// that the batches are as if it were once: bench/RESULTS.md counts 0.064 commands for an idle connection and
// minute.
constexpr double kChangesEveryS = 1;
constexpr double kBatch = 64;          // as many in one command
constexpr double kCommandTimeS = 0.5;  // engine/redis/link.h: who waits longer is refused
constexpr double kLeaseTimeS = 15;     // engine/redis/lease_state.h
constexpr double kReapShare = 0.1;     // engine/redis/lease.cc: of Redis's time, in each partition
constexpr double kBackoffS = 0.25, kBackoffMostS = 20;  // clients/js/src/policy.ts
// An instance with more handshakes before it than it can do in a second refuses more.
constexpr double kHandshakesAheadS = 1;
// Records are written anew as long as others wait no longer than this for it.
constexpr double kPoliteWaitS = 0.05;
constexpr uint64_t kUser = 1, kSession = 2, kId = 3;  // what a partition is chosen by

}  // namespace

Model::Model(const Plan& plan)
    : plan_(plan),
      random_(plan.seed),
      shards_(plan.masters),
      owner_(plan.partitions),
      instances_(plan.instances),
      where_(plan.connections),
      place_(plan.connections),
      failures_(plan.connections),
      attempts_(kTicksKept),
      unwritten_(plan.partitions),
      left_over_(plan.partitions) {
  for (size_t i = 0; i < owner_.size(); ++i)
    owner_[i] = static_cast<uint32_t>(i * plan.masters / owner_.size());
  for (uint32_t client = 0; client < plan.connections; ++client) {
    Instance& instance = instances_[client % plan.instances];
    where_[client] = static_cast<uint16_t>(client % plan.instances);
    place_[client] = static_cast<uint32_t>(instance.clients.size());
    instance.clients.push_back(client);
  }
  connected_ = plan.connections;
}

size_t Model::partition(uint32_t client, uint64_t salt) const {
  return Random(client * 4 + salt).next() % plan_.partitions;
}

double Model::memory_bytes() const {
  std::vector<size_t> partitions(shards_.size());
  for (const uint32_t owner : owner_) ++partitions[owner];
  const auto most = static_cast<double>(*std::max_element(partitions.begin(), partitions.end()));
  return most * static_cast<double>(plan_.connections) / static_cast<double>(plan_.partitions) *
         kSessionBytes;
}

void Model::run(double seconds) {
  for (auto ticks = std::llround(seconds / kTickS); ticks > 0; --ticks) tick();
}

void Model::tick() {
  for (Shard& shard : shards_) shard.run(kTickS);
  steady_work();
  churn();
  for (Instance& instance : instances_) {
    if (instance.state == State::draining) drain(instance);
    if (instance.state == State::gone && instance.back_at_s >= 0 && now_s() >= instance.back_at_s)
      instance.state = State::ready;
  }
  take_attempts();
  for (size_t i = 0; i < instances_.size(); ++i) shake_hands(i);
  write_anew();
  reap();
  ++tick_;
  if (tick_ % kTicksASecond == 0) end_second();
}

// --- What goes on without anybody's coming or going --------------------------------------------------------

void Model::steady_work() {
  const auto live = static_cast<double>(std::count_if(
      instances_.begin(), instances_.end(), [](const Instance& one) { return one.state != State::gone; }));
  const double here = static_cast<double>(connected_) / static_cast<double>(plan_.partitions);
  const double changes = here / plan_.heartbeat_s * kTickS;
  // Of one instance, each time that it writes them.
  const double at_once = live > 0 ? changes / kTickS * kChangesEveryS / live : 0;
  const double batches = at_once < 1 ? at_once : std::ceil(at_once / kBatch);
  const double presence_us = kLeaseRedisUs + kLeaseEachRedisUs * live + kProbesRedisUs;
  for (size_t i = 0; i < owner_.size(); ++i) {
    shard_of(i).take(batches * live * kTickS / kChangesEveryS, changes * kHeartbeatRedisUs);
    shard_of(i).take(kLeaseAndProbeCommands * live * kTickS, presence_us * live * kTickS);
  }
  const double messages = static_cast<double>(connected_) * plan_.messages_per_minute / 60 * kTickS;
  for (size_t channel = 0; channel < plan_.channels; ++channel) {
    const double share = messages / static_cast<double>(plan_.channels);
    shard_of(channel * plan_.partitions / plan_.channels).take(share, share * kMessageRedisUs);
  }
}

void Model::churn() {
  churn_owed_ += static_cast<double>(connected_) * kTickS / plan_.life_s;
  for (; churn_owed_ >= 1 && connected_ > 0; --churn_owed_) {
    auto client = static_cast<uint32_t>(random_.below(plan_.connections));
    while (where_[client] == kNowhere) client = static_cast<uint32_t>(random_.below(plan_.connections));
    leave(client, true);
    failures_[client] = 0;
    attempts_[(tick_ + 1 + random_.below(20)) % kTicksKept].push_back(client);
  }
}

// --- Coming and going --------------------------------------------------------------------------------------

void Model::take_attempts() {
  std::vector<uint32_t> open;  // as far as balancers know
  for (uint32_t i = 0; i < instances_.size(); ++i) {
    const Instance& one = instances_[i];
    const bool unnoticed = one.state == State::gone && now_s() < one.gone_at_s + plan_.unnoticed_s;
    if (one.state == State::ready || unnoticed) open.push_back(i);
  }
  std::vector<uint32_t> clients;
  clients.swap(attempts_[tick_ % kTicksKept]);
  for (const uint32_t client : clients) {
    ++second_.tried;
    Instance* const instance = choose(open);
    const bool is_full = instance && static_cast<double>(instance->coming.size()) >
                                         kHandshakesAheadS * 1e6 / kConnectGatewayUs;
    if (!instance || instance->state != State::ready || is_full) {
      try_later(client);
    } else {
      instance->coming.push_back(client);
    }
  }
}

// Null: there is none. The emptier of two, which is nearly as good as the emptiest of all (Mitzenmacher, "The
// power of two choices in randomized load balancing", 2001).
Model::Instance* Model::choose(const std::vector<uint32_t>& open) {
  if (open.empty()) return nullptr;
  Instance* const one = &instances_[open[random_.below(open.size())]];
  if (!plan_.two_choices) return one;
  Instance* const other = &instances_[open[random_.below(open.size())]];
  const auto load = [](const Instance& it) { return it.clients.size() + it.coming.size(); };
  return load(*other) < load(*one) ? other : one;
}

size_t Model::on_their_way() const {
  size_t count = 0;
  for (const auto& clients : attempts_) count += clients.size();
  for (const Instance& instance : instances_) count += instance.coming.size();
  return count;
}

void Model::shake_hands(size_t index) {
  Instance& instance = instances_[index];
  for (double left_us = kTickS * 1e6; left_us > 0 && !instance.coming.empty(); left_us -= kConnectGatewayUs) {
    const uint32_t client = instance.coming.front();
    instance.coming.pop_front();
    if (instance.state != State::ready || !admit(client, index)) try_later(client);
  }
}

bool Model::admit(uint32_t client, size_t instance) {
  const size_t partitions[] = {partition(client, kUser), partition(client, kSession), partition(client, kId)};
  for (const size_t one : partitions) {
    if (!shard_of(one).is_up(now_s()) || shard_of(one).wait_s() > kCommandTimeS) return false;
  }
  // The session is looked at first; both count as measured on one Redis.
  shard_of(partitions[1]).take(1, 5);
  shard_of(partitions[0]).take(1, kConnectRedisUs - 5);
  if (partitions[2] != partitions[0]) shard_of(partitions[2]).take(1, kWhereaboutsRedisUs);
  ++second_.welcomed;
  ++connected_;
  failures_[client] = 0;
  where_[client] = static_cast<uint16_t>(instance);
  place_[client] = static_cast<uint32_t>(instances_[instance].clients.size());
  instances_[instance].clients.push_back(client);
  return true;
}

void Model::forget(uint32_t client) {
  std::vector<uint32_t>& list = instances_[where_[client]].clients;
  const uint32_t last = list.back();
  list[place_[client]] = last;
  place_[last] = place_[client];
  list.pop_back();
  where_[client] = kNowhere;
  --connected_;
}

// tells: its instance lives and takes it out of the registry.
void Model::leave(uint32_t client, bool tells) {
  forget(client);
  const size_t of_user = partition(client, kUser), of_id = partition(client, kId);
  if (!tells) {
    ++left_over_[of_user];
    return;
  }
  shard_of(of_user).take(1 / kBatch, kDisconnectRedisUs);
  if (of_id != of_user) shard_of(of_id).take(1 / kBatch, kWhereaboutsRedisUs);
}

void Model::try_later(uint32_t client) {
  ++second_.refused;
  const double most_s = std::min(kBackoffMostS, kBackoffS * std::pow(2, failures_[client]));
  if (failures_[client] < 20) ++failures_[client];
  const auto ticks = static_cast<uint64_t>(std::ceil(most_s / kTickS));
  attempts_[(tick_ + 1 + random_.below(ticks)) % kTicksKept].push_back(client);
}

// --- What the operators, and accidents, do -----------------------------------------------------------------

void Model::deploy(size_t first, size_t count, double restart_s) {
  for (size_t i = first; i < first + count; ++i) {
    Instance& one = instances_[i];
    if (one.state != State::ready) continue;
    one.state = State::draining;
    one.back_at_s = restart_s;  // from its end on: drain()
    one.leave_each_tick = static_cast<double>(one.clients.size()) / (plan_.drain_spread_s / kTickS);
    one.leave_owed = 0;
  }
}

// A client leaves at its slot and comes at once: the slots are its spread.
void Model::drain(Instance& instance) {
  for (instance.leave_owed += instance.leave_each_tick; instance.leave_owed >= 1 && !instance.clients.empty();
       --instance.leave_owed) {
    const uint32_t client = instance.clients.back();
    leave(client, true);
    ++moves_;
    attempts_[(tick_ + random_.below(2)) % kTicksKept].push_back(client);
  }
  if (!instance.clients.empty()) return;
  instance.state = State::gone;
  // It has told the balancers before it began.
  instance.gone_at_s = now_s() - plan_.unnoticed_s;
  instance.back_at_s += now_s();
}

void Model::lose_zone(double part) {
  const auto instances = static_cast<size_t>(part * static_cast<double>(instances_.size()));
  const auto masters = static_cast<size_t>(part * static_cast<double>(shards_.size()));
  reaped_from_s_ = now_s() + kLeaseTimeS;
  for (size_t i = 0; i < instances; ++i) {
    Instance& one = instances_[i];
    one.state = State::gone;
    one.gone_at_s = now_s();
    one.back_at_s = -1;
    std::vector<uint32_t> clients = one.clients;
    clients.insert(clients.end(), one.coming.begin(), one.coming.end());
    one.coming.clear();
    for (const uint32_t client : clients) {
      if (where_[client] != kNowhere) leave(client, false);
      failures_[client] = 0;
      try_later(client);
    }
  }
  second_.refused = 0;  // those were no answers
  for (size_t i = 0; i < masters; ++i) shards_[i].fail(now_s() + plan_.failover_s);
  for (size_t i = 0; i < owner_.size(); ++i) {
    if (owner_[i] < masters)
      unwritten_[i] = static_cast<double>(connected_) / static_cast<double>(plan_.partitions);
  }
}

// A master that took over is another process: every instance writes to it what it has, politely.
void Model::write_anew() {
  for (size_t i = 0; i < unwritten_.size(); ++i) {
    Shard& shard = shard_of(i);
    if (unwritten_[i] <= 0 || !shard.is_up(now_s())) continue;
    const double room = (kTickS + kPoliteWaitS - shard.wait_s()) * 1e6 / kRebuildRedisUs;
    const double records = std::clamp(room, 0.0, unwritten_[i]);
    shard.take(records / kBatch, records * kRebuildRedisUs);
    unwritten_[i] -= records;
    if (unwritten_[i] < 1) unwritten_[i] = 0;
  }
}

void Model::reap() {
  if (now_s() < reaped_from_s_) return;
  for (size_t i = 0; i < left_over_.size(); ++i) {
    if (left_over_[i] <= 0 || !shard_of(i).is_up(now_s())) continue;
    const double records = std::min(left_over_[i], kReapShare * kTickS * 1e6 / kDisconnectRedisUs);
    shard_of(i).take(records / 100, records * kDisconnectRedisUs);
    left_over_[i] -= records;
  }
}

void Model::end_second() {
  Second& second = second_;
  second.at_s = now_s();
  second.connected = connected_;
  for (Shard& shard : shards_) {
    const double commands = shard.take_commands(), work = shard.take_work_us() / 1e6;
    second.commands_mean += commands / static_cast<double>(shards_.size());
    second.commands_max = std::max(second.commands_max, commands);
    second.work_mean += work / static_cast<double>(shards_.size());
    second.work_max = std::max(second.work_max, work);
    second.wait_max_ms = std::max(second.wait_max_ms, shard.wait_s() * 1000);
  }
  double unwritten = 0, left_over = 0;
  for (const double one : unwritten_) unwritten += one;
  for (const double one : left_over_) left_over += one;
  second.unwritten = static_cast<size_t>(unwritten);
  second.left_over = static_cast<size_t>(left_over);
  history_.push_back(std::exchange(second_, Second()));
}

}  // namespace gw::sim::scale
