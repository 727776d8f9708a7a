#include "app/engine.h"

#include "engine/memory/broker.h"
#include "engine/memory/registry.h"
#include "engine/memory/session_store.h"
#include "engine/redis/engine.h"

namespace gw {
namespace {

constexpr Duration kMemoryTick = 250ms;

SessionStoreOptions session_options(const Config& config) {
  return {config.max_sessions, config.max_sessions_per_tenant, config.session_retention};
}

class MemoryEngine final : public Engine {
 public:
  MemoryEngine(EventLoop& loop, const ChannelTable& channels, const Config& config)
      : loop_(loop),
        registry_(channels, config.instance_id),
        broker_(channels, {config.queue_size, config.queue_bytes, config.queue_age, {}}),
        sessions_(session_options(config)) {}

  std::string_view kind() const override { return "memory"; }
  Broker& broker() override { return broker_; }
  Registry& registry() override { return registry_; }
  SessionStore& sessions() override { return sessions_; }
  void start() override {
    tick_ = loop_.every(kMemoryTick, [this] {
      broker_.tick(loop_.now());
      sessions_.tick(wall_now());
    });
  }
  void leave(std::function<void()> done) override { done(); }

 private:
  EventLoop& loop_;
  MemoryRegistry registry_;
  MemoryBroker broker_;
  MemorySessionStore sessions_;
  EventLoop::Registration tick_;
};

class RedisEngine final : public Engine {
 public:
  RedisEngine(EventLoop& loop, const ChannelTable& channels, const Config& config)
      : engine_(loop, channels, options(config)) {}

  std::string_view kind() const override { return "redis"; }
  Broker& broker() override { return engine_.broker(); }
  Registry& registry() override { return engine_.registry(); }
  SessionStore& sessions() override { return engine_.sessions(); }
  void start() override { engine_.start(); }
  void leave(std::function<void()> done) override { engine_.leave(std::move(done)); }

 private:
  static redis::EngineOptions options(const Config& config) {
    redis::EngineOptions options;
    options.url = *redis::Url::parse(config.redis_url);  // the configuration has been checked
    options.ca_file = config.redis_ca_file;
    options.key_prefix = config.key_prefix;
    options.instance_id = config.instance_id;
    options.sessions = session_options(config);
    redis::SenderOptions& sender = options.broker.sender;
    sender.queue_size = config.queue_size;
    sender.queue_bytes = config.queue_bytes;
    sender.queue_age = config.queue_age;
    sender.inbox = config.inbox == InboxKind::stream;
    sender.inbox_size = config.inbox_size;
    sender.breaker.open_time = config.circuit_open_time;
    options.broker.inbox_age = config.inbox_age;
    options.broker.inbox_replicas = config.inbox == InboxKind::stream ? config.inbox_replicas : 0;
    options.broker.message_bytes_max = config.outbox_bytes / 2;
    return options;
  }

  redis::Engine engine_;
};

}  // namespace

std::unique_ptr<Engine> make_engine(EventLoop& loop, const ChannelTable& channels, const Config& config) {
  if (config.engine == EngineKind::redis) return std::make_unique<RedisEngine>(loop, channels, config);
  return std::make_unique<MemoryEngine>(loop, channels, config);
}

std::string pubsub_prefix(const Config& config) {
  if (config.engine == EngineKind::memory) return config.key_prefix;
  return redis::pubsub_prefix(config.key_prefix, redis::Url::parse(config.redis_url)->database);
}

}  // namespace gw
