#include "app/engine.h"

#include "app/options.h"
#include "engine/memory/engine.h"
#include "engine/redis/engine.h"

namespace gw {
namespace {

PresenceOptions presence_options(const Config& config, const ChannelTable& channels) {
  return {channel_set(config.presence_channels, channels), config.presence_max};
}

memory::EngineOptions memory_options(const Config& config, const ChannelTable& channels) {
  memory::EngineOptions options;
  options.instance_id = config.instance_id;
  options.key_prefix = config.key_prefix;
  options.sessions = config.sessions;
  options.revocations = config.revocations;
  options.agents.queue = config.queue;
  options.presence = presence_options(config, channels);
  options.runs.limits = config.runs;
  options.agents.ack_wait = options.runs.ack_wait = config.ack_wait;
  return options;
}

redis::EngineOptions redis_options(const Config& config, const ChannelTable& channels) {
  redis::EngineOptions options;
  // The configuration has been checked.
  for (const std::string& url : config.redis_urls) options.urls.push_back(*redis::Url::parse(url));
  if (options.urls[0].is_cluster) options.tags = config.redis_partitions;
  options.ca_file = config.redis_ca_file;
  options.key_prefix = config.key_prefix;
  options.instance_id = config.instance_id;
  options.runs.limits = config.runs;
  options.sessions = config.sessions;
  options.revocations = config.revocations;
  options.message_bytes_max = config.connection.outbox_bytes_max / 2;
  options.presence = presence_options(config, channels);
  options.agents = config.redis_agents;
  options.agents.sender.queue = config.queue;
  options.agents.ack_wait = options.runs.ack_wait = config.ack_wait;
  options.agents.sender.inbox = config.inbox == InboxKind::stream;
  if (!options.agents.sender.inbox) options.agents.inbox_replicas = 0;
  return options;
}

}  // namespace

std::unique_ptr<Engine> make_engine(EventLoop& loop, const ChannelTable& channels, const Config& config) {
  if (config.engine == EngineKind::redis)
    return std::make_unique<redis::Engine>(loop, channels, redis_options(config, channels));
  return std::make_unique<memory::Engine>(loop, channels, memory_options(config, channels));
}

}  // namespace gw
