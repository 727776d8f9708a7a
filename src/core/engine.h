// Interface: all that a gateway needs of the world outside its shards. One implementation is this process
// alone (engine/memory), one shares with other instances through Redis (engine/redis). Control loop only; an
// engine drives its own timers from start() on, and never blocks.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "core/agent_delivery.h"
#include "core/client_delivery.h"
#include "core/done.h"
#include "core/presence.h"
#include "core/registry.h"
#include "core/revocation_store.h"
#include "core/run_store.h"
#include "core/session_store.h"
#include "core/stream_store.h"
#include "core/webhook_store.h"

namespace gw {

// What is so from an engine's making to its end.
struct EngineTraits {
  std::string_view kind;   // "memory", "redis": in answers, metrics and Consul
  bool is_shared = false;  // any instance knows every session and connection; questions cost a round trip
  std::function<std::string(std::string_view)> agents_name;  // of a channel: under which agents know it
  std::string reply_to;                                      // where they answer clients of this instance
};

// The server behind an engine that has one; for metrics.
struct EngineStats {
  bool connected = true;
  uint64_t commands_total = 0;
  uint64_t errors_total = 0;           // error answers
  uint64_t losses_total = 0;           // connections lost
  size_t pending = 0;                  // commands without an answer yet
  size_t partitions = 1;               // among which its names are divided
  std::vector<std::string> away = {};  // of those the ones that do not work now
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const EngineTraits& traits() const = 0;

  // The nine interfaces; they live as long as the engine.
  virtual AgentDelivery& agents() = 0;
  virtual ClientDelivery& clients() = 0;
  virtual Presence& presence() = 0;
  virtual Registry& registry() = 0;
  virtual SessionStore& sessions() = 0;
  virtual RevocationStore& revocations() = 0;
  virtual RunStore& runs() = 0;
  virtual StreamStore& streams() = 0;
  virtual WebhookStore& webhooks() = 0;

  // The table has one more. Its clients and agents are served from then on.
  virtual void add_channel(ChannelIndex channel) = 0;

  // Once, after clients().attach(). Connects where there is something to connect to, and goes on trying;
  // until it has, every question is answered `unavailable`.
  virtual void start() = 0;
  // Nothing of this instance is left for others to find. `done` runs once, soon, whether it worked or not.
  virtual void leave(std::function<void()> done) = 0;
  // Answers when a message has gone through the engine and back; unavailable or timeout: it did not.
  virtual void probe(Done<void> done) = 0;
  virtual EngineStats stats() const = 0;

  // What all instances that ask in or before that period (a count of hours) get, and nobody else: the first
  // makes it.
  virtual void shared_secret(uint32_t period, Done<Digest> done) = 0;

  // What others may be shown of this instance. To be said again within kReportTime: older ones are forgotten.
  static constexpr std::chrono::milliseconds kReportTime{6000};
  virtual void report(std::string text) = 0;
  // What each instance that lives has said last, this one's among them.
  virtual void reports(Done<std::vector<std::string>> done) = 0;
};

}  // namespace gw
