// The engine that was chosen, as the rest of the process sees it: the three seams, a start and an end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "core/broker.h"
#include "core/registry.h"
#include "core/session_store.h"
#include "net/event_loop.h"

namespace gw {

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string_view kind() const = 0;
  virtual Broker& broker() = 0;
  virtual Registry& registry() = 0;
  virtual SessionStore& sessions() = 0;
  virtual void start() = 0;
  // Nothing of this instance is left for others to find. `done` runs once, soon.
  virtual void leave(std::function<void()> done) = 0;
};

// Both outlive it.
std::unique_ptr<Engine> make_engine(EventLoop& loop, const ChannelTable& channels, const Config& config);

// Begins every name that is published to. With a database of Redis other than 0 its number is part of it.
std::string pubsub_prefix(const Config& config);

}  // namespace gw
