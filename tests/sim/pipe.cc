#include "sim/pipe.h"

#include "sim/gateway_node.h"

namespace gw::sim {

TimePoint Pipe::arrival(TimePoint& last) {
  last = std::max(last, world_.now() + latency_ + world_.random.between(Duration::zero(), latency_));
  return last;
}

void Pipe::deliver_to_node(const std::function<void(GatewayNode&)>& function) {
  if (const auto node = node_.lock()) {
    if (!std::exchange(accepted_, true)) node->accept(weak_from_this());
    return node->run(function);
  }
  // Nobody is there.
  world_.after(latency_, [self = shared_from_this()] {
    if (!std::exchange(self->peer_closed_, true) && self->on_node_closed) self->on_node_closed();
  });
}

void Pipe::to_node(std::function<void(GatewayNode&)> function) {
  if (peer_closed_ || vanished_) return;
  world_.at(arrival(last_to_node_),
            [self = shared_from_this(), generation = generation_, function = std::move(function)] {
              if (self->vanished_ || self->node_closed_ || generation != self->generation_) return;
              self->deliver_to_node(function);
            });
}

void Pipe::to_peer(std::function<void()> function) {
  if (node_closed_ || vanished_) return;
  world_.at(arrival(last_to_peer_),
            [self = shared_from_this(), generation = generation_, function = std::move(function)] {
              if (!self->vanished_ && !self->peer_closed_ && generation == self->generation_) function();
            });
}

void Pipe::close_by_node() {
  if (node_closed_) return;
  to_peer([this] {
    peer_closed_ = true;
    if (on_node_closed) on_node_closed();
  });
  node_closed_ = true;
}

void Pipe::close_by_peer() {
  if (peer_closed_) return;
  to_node([self = shared_from_this()](GatewayNode& node) {
    if (!std::exchange(self->node_closed_, true) && self->on_peer_closed) self->on_peer_closed(node);
  });
  peer_closed_ = true;
}

void Pipe::vanish() {
  vanished_ = true;
  const auto self = shared_from_this();
  world_.after(world_.random.between(Duration(5s), Duration(15s)), [self] {
    if (!std::exchange(self->peer_closed_, true) && self->on_node_closed) self->on_node_closed();
  });
  world_.after(world_.random.between(Duration(5s), Duration(20s)), [self] {
    if (std::exchange(self->node_closed_, true)) return;
    self->deliver_to_node([self](GatewayNode& node) {
      if (self->on_peer_closed) self->on_peer_closed(node);
    });
  });
}

void Pipe::reset() {
  if (world_.random.one_in(2)) ++generation_;
  to_peer([this] {
    peer_closed_ = true;
    if (on_node_closed) on_node_closed();
  });
  to_node([self = shared_from_this()](GatewayNode& node) {
    if (!std::exchange(self->node_closed_, true) && self->on_peer_closed) self->on_peer_closed(node);
  });
}

}  // namespace gw::sim
