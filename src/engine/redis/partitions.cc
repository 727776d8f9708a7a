#include "engine/redis/partitions.h"

#include <algorithm>

namespace gw::redis {
namespace {

PartitionOptions options_of(const EngineOptions& options, size_t index) {
  const size_t count = options.partitions();
  PartitionOptions one{options.urls[options.tags > 0 ? 0 : index], index, count, options.key_prefix, options};
  if (options.tags > 0) one.key_prefix += partition_prefix(index, count);
  const auto share = [count](size_t& limit) { limit = partition_share(limit, count); };
  share(one.engine.sessions.sessions_max);
  share(one.engine.sessions.tenant_sessions_max);
  share(one.engine.revocations.revocations_max);
  share(one.engine.agents.dedupe.ids_max);
  return one;
}

}  // namespace

Partitions::Partitions(const Partition::Shared& shared, const EngineOptions& options)
    : channels_(shared.channels) {
  for (size_t i = 0; i < options.partitions(); ++i)
    all_.push_back(std::make_unique<Partition>(shared, options_of(options, i)));
  for (const std::string& name : channels_.names()) by_channel_.push_back(&of(name));
}

Partition& Partitions::working(size_t from) const {
  for (size_t i = 0; i < all_.size(); ++i) {
    Partition& one = *all_[(from + i) % all_.size()];
    if (one.works()) return one;
  }
  return *all_[from];
}

bool Partitions::any_is_connected() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& one) { return one->is_connected(); });
}

void Partitions::add_channel(ChannelIndex channel) {
  Partition& own = of(channels_.name(channel));
  by_channel_.push_back(&own);
  own.add_channel(channel);
}

}  // namespace gw::redis
