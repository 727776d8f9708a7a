// A client's or an agent's connection to a gateway, above its bytes: what is said arrives in order, until it
// breaks. Then both ends hear of it, late or never.
#pragma once

#include <functional>
#include <memory>

#include "sim/world.h"

namespace gw::sim {

class GatewayNode;

class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(World& world, std::weak_ptr<GatewayNode> node, Duration latency)
      : world_(world), node_(std::move(node)), latency_(latency) {}

  // Runs in the gateway's loop.
  void to_node(std::function<void(GatewayNode&)> function);
  void to_peer(std::function<void()> function);

  // Set by the ends.
  std::function<void()> on_node_closed;              // the peer's: the gateway ended it, or is gone
  std::function<void(GatewayNode&)> on_peer_closed;  // the gateway's

  // Each end may close; what is on its way still arrives.
  void close_by_node();
  void close_by_peer();
  // Both hear of it, and what is on its way may be lost.
  void reset();
  // Nothing comes through any more; each finds out by itself, after a while.
  void vanish();
  bool is_open() const { return !node_closed_ && !peer_closed_; }

 private:
  World& world_;
  const std::weak_ptr<GatewayNode> node_;
  const Duration latency_;
  TimePoint last_to_node_;
  TimePoint last_to_peer_;
  uint64_t generation_ = 0;
  bool accepted_ = false;
  bool vanished_ = false;
  bool node_closed_ = false;
  bool peer_closed_ = false;

  TimePoint arrival(TimePoint& last);
  void deliver_to_node(const std::function<void(GatewayNode&)>& function);
};

}  // namespace gw::sim
