#include "engine/redis/lease_state.h"

#include "base/assert.h"

namespace gw::redis {

void LeaseState::on_up(TimePoint now) {
  up_since_ = now;
  if (standing_ != Standing::unclaimed) returned_at_ = now;
  asked_at_.reset();
}

void LeaseState::on_down() {
  up_since_ = TimePoint::max();
  reaping_.reset();
  // Whoever was writing its connections anew has to begin again.
  if (standing_ == Standing::registering) standing_ = Standing::invalid;
}

void LeaseState::invalidate(TimePoint now) {
  if (standing_ == Standing::unclaimed || standing_ == Standing::left) return;
  standing_ = Standing::invalid;
  forgotten_at_ = now;
}

void LeaseState::leave() { standing_ = Standing::left; }

bool LeaseState::begin_renewal(TimePoint now) {
  if (standing_ == Standing::left || asked_at_ || !is_connected()) return false;
  asked_at_ = now;
  return true;
}

LeaseState::Renewed LeaseState::on_renewed(bool ours, Peers peers, TimePoint now) {
  ASSERT(asked_at_);
  const bool was_fresh = is_fresh(now);
  // It may have run out all the same: an earlier renewal took it anew, and its answer was lost.
  const bool kept = ours && now - renewed_at_ < kTime;
  renewed_at_ = *asked_at_;
  asked_at_.reset();
  peers_ = std::move(peers);
  switch (standing_) {
    case Standing::left: return Renewed::kept;
    case Standing::registering:
    case Standing::registered:
      if (kept) return !was_fresh && is_fresh(now) ? Renewed::fresh_again : Renewed::kept;
      break;
    case Standing::unclaimed:
    case Standing::invalid: break;
  }
  standing_ = Standing::registering;
  return Renewed::lost;
}

bool LeaseState::on_registered(TimePoint now) {
  // It was lost again meanwhile: what was written may be, too.
  if (standing_ != Standing::registering) return false;
  standing_ = Standing::registered;
  return is_fresh(now);
}

bool LeaseState::is_fresh(TimePoint now) const {
  return standing_ == Standing::registered && now - renewed_at_ < kSoft;
}

bool LeaseState::is_alive(std::string_view instance, TimePoint now) const {
  const auto it = peers_.find(instance);
  if (it == peers_.end() || !may_judge(now)) return true;
  return it->second.remaining - (now - renewed_at_) > kTime - kSoft;
}

bool LeaseState::is_gone(std::string_view instance, TimePoint now) const {
  return !is_alive(instance, now) || (may_judge(now) && !peers_.contains(instance));
}

bool LeaseState::is_housekeeper() const {
  for (const auto& [instance, peer] : peers_) {
    if (instance == instance_) return true;
    if (peer.remaining > kTime - kSoft) return false;
  }
  return false;
}

// When Redis slept, or came back, everybody's lease looks dead for a moment: only who has been connected for
// a whole lease, in which those who live have renewed theirs, may remove what they left.
std::optional<std::string> LeaseState::begin_reaping(TimePoint now) {
  if (reaping_ || !is_connected() || now - up_since_ < kTime) return std::nullopt;
  for (const auto& [instance, peer] : peers_) {
    if (peer.remaining.count() <= 0 && instance != instance_) return reaping_ = instance;
  }
  return std::nullopt;
}

void LeaseState::on_reaped() {
  // What is known of the others is of the last renewal.
  if (reaping_) peers_.erase(*reaping_);
  reaping_.reset();
}

size_t LeaseState::connections_of(std::string_view instance) const {
  const auto it = peers_.find(instance);
  return it == peers_.end() ? 0 : it->second.connections;
}

}  // namespace gw::redis
