// The engine that the configuration names.
#pragma once

#include <memory>

#include "config/config.h"
#include "core/engine.h"
#include "net/event_loop.h"

namespace gw {

// Both outlive it.
std::unique_ptr<Engine> make_engine(EventLoop& loop, const ChannelTable& channels, const Config& config);

}  // namespace gw
