#include "engine/redis/engine.h"

#include <algorithm>

namespace gw::redis {
namespace {

constexpr Duration kTickEvery = 100ms;

}  // namespace

Engine::Engine(EventLoop& loop, const ChannelTable& channels, const EngineOptions& options)
    : loop_(loop),
      cluster_(options.urls[0].is_cluster
                   ? std::optional<ClusterMap>(std::in_place, loop, options.urls[0], options.ca_file)
                   : std::nullopt),
      presence_counts_(options.presence.channels),
      shared_(shared(channels)),
      partitions_(shared_, options),
      traits_(make_traits()),
      webhooks_(loop, partitions_[0].commands(), partitions_[0].subscriptions(), partitions_[0].keys(),
                options.webhooks),
      places_(places()),
      runs_({loop, places_, channels}, options.runs) {
  if (partitions_.size() > 1) several_.emplace(loop, partitions_);
  choose_interfaces();
}

void Engine::choose_interfaces() {
  if (several_) {
    agents_ = &several_->agents;
    clients_ = &several_->clients;
    presence_ = &several_->presence;
    registry_ = &several_->registry;
    sessions_ = &several_->sessions;
    revocations_ = &several_->revocations;
    return;
  }
  Partition& only = partitions_[0];
  agents_ = &only.agents();
  clients_ = &only.clients();
  presence_ = &only.presence();
  registry_ = &only.registry();
  sessions_ = &only.sessions();
  revocations_ = &only.revocations();
}

Partition::Shared Engine::shared(const ChannelTable& channels) {
  return {loop_,
          channels,
          cluster_ ? &*cluster_ : nullptr,
          presence_counts_,
          [this](const ConnectionId& id) {
            return several_ ? several_->registry.find_local(id) : partitions_[0].registry().find_local(id);
          },
          [this](const Partition& keeper, const std::function<void(const SessionPtr&)>& visit) {
            for (const auto& partition : partitions_)
              partition->registry().each_session([&](const SessionPtr& session) {
                if (!several_ || several_->sessions.place_of(session->key) == keeper.index()) visit(session);
              });
          }};
}

EngineTraits Engine::make_traits() const {
  const Keys& own = partitions_.of(partitions_[0].keys().instance()).keys();
  return {"redis", true,
          [this](std::string_view channel) { return partitions_.of(channel).keys().agents(channel); },
          own.gateway(own.instance())};
}

RunPlaces Engine::places() const {
  std::vector<RunPlace> places;
  for (const auto& one : partitions_)
    places.push_back({one->index(), one->messages(), one->subscriptions(), one->keys()});
  return RunPlaces(std::move(places));
}

void Engine::start() {
  for (const auto& partition : partitions_) start(*partition);
  tick_ = loop_.every(kTickEvery, [this] { tick(); });
}

void Engine::start(Partition& partition) {
  const size_t index = partition.index();
  partition.start({.on_messages_up = [this, index] { runs_.on_up(index); },
                   .on_commands_up =
                       [this, index] {
                         if (index == 0) webhooks_.on_up();
                       },
                   .on_subscribed = [this, index] { runs_.on_subscribed(index); },
                   .on_forgotten =
                       [this, index] {
                         if (several_) several_->registry.on_forgotten(index);
                       }});
}

void Engine::tick() {
  for (const auto& partition : partitions_) partition->tick();
  runs_.tick(loop_.now());
}

void Engine::leave(std::function<void()> done) {
  const auto open = std::make_shared<size_t>(partitions_.size());
  for (const auto& partition : partitions_)
    partition->leave([open, done] {
      if (--*open == 0) done();
    });
}

// The instance works while one partition does.
void Engine::probe(Done<void> done) {
  const auto ask = [](Partition& partition, Done<void> answer) { partition.probe(std::move(answer)); };
  ask_all<void>(partitions_, ask, [done = std::move(done)](const std::vector<Result<void>>& answers) {
    const auto works = std::find_if(answers.begin(), answers.end(), [](const auto& one) { return !!one; });
    done(works == answers.end() ? answers.front() : *works);
  });
}

// Of a partition that all agree on, whether it works or not.
void Engine::shared_secret(uint32_t period, Done<Digest> done) {
  partitions_[0].shared_secret(period, std::move(done));
}

EngineStats Engine::stats() const {
  EngineStats sum;
  sum.partitions = partitions_.size();
  sum.connected = false;
  for (const auto& partition : partitions_) {
    const EngineStats one = partition->stats();
    sum.connected = sum.connected || one.connected;
    if (!partition->works()) sum.away.push_back(partition->name());
    sum.commands_total += one.commands_total;
    sum.errors_total += one.errors_total;
    sum.losses_total += one.losses_total;
    sum.pending += one.pending;
  }
  return sum;
}

}  // namespace gw::redis
