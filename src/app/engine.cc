#include "app/engine.h"

#include "engine/memory/engine.h"
#include "engine/redis/engine.h"

namespace gw {
namespace {

SessionStoreOptions session_options(const Config& config) {
  return {config.max_sessions, config.max_sessions_per_tenant, config.session_retention};
}

ChannelQueue::Options queue_options(const Config& config) {
  ChannelQueue::Options options;
  options.messages = config.queue_size;
  options.bytes = config.queue_bytes;
  options.age = config.queue_age;
  options.breaker.open_time = config.circuit_open_time;
  return options;
}

memory::EngineOptions memory_options(const Config& config) {
  memory::EngineOptions options;
  options.instance_id = config.instance_id;
  options.key_prefix = config.key_prefix;
  options.sessions = session_options(config);
  options.agents.queue = queue_options(config);
  return options;
}

redis::EngineOptions redis_options(const Config& config) {
  redis::EngineOptions options;
  options.url = *redis::Url::parse(config.redis_url);  // the configuration has been checked
  options.ca_file = config.redis_ca_file;
  options.key_prefix = config.key_prefix;
  options.instance_id = config.instance_id;
  options.sessions = session_options(config);
  options.message_bytes_max = config.outbox_bytes / 2;
  options.agents.inbox_age = config.inbox_age;
  options.agents.inbox_replicas = config.inbox == InboxKind::stream ? config.inbox_replicas : 0;
  redis::SenderOptions& sender = options.agents.sender;
  sender.queue = queue_options(config);
  sender.inbox = config.inbox == InboxKind::stream;
  sender.inbox_size = config.inbox_size;
  return options;
}

}  // namespace

std::unique_ptr<Engine> make_engine(EventLoop& loop, const ChannelTable& channels, const Config& config) {
  if (config.engine == EngineKind::redis)
    return std::make_unique<redis::Engine>(loop, channels, redis_options(config));
  return std::make_unique<memory::Engine>(loop, channels, memory_options(config));
}

}  // namespace gw
