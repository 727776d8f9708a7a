#include "sim/realm.h"

namespace gw::sim {

void Realm::start() {
  world_.after(world_.random.between(Duration(50ms), Duration(1500ms)), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->silent_) return;
    self->publish();
    self->start();
  });
}

void Realm::publish() {
  const auto node = pick_();
  if (!node) return;
  const std::string text = "\"news " + std::to_string(next_++) + " of " + channel_ + "\"";
  const auto request =
      std::make_shared<Pipe>(world_, node, world_.random.between(Duration(100us), Duration(5ms)));
  request->to_node(
      [this, self = shared_from_this(), request, text, asked_at = world_.now()](GatewayNode& to) {
        to.post_office().publish(
            {index_, text, "realm", ""}, [self, request, text, asked_at](Result<Missed> missed) {
              if (!missed) return;
              request->to_peer([self, text, asked_at, missed = *missed] {
                self->journal_.published[text] = {
                    self->channel_, asked_at, self->world_.now(), {missed.begin(), missed.end()}};
              });
            });
      });
}

}  // namespace gw::sim
