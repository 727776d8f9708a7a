#include "engine/redis/lease.h"

#include "base/log.h"
#include "base/random.h"

namespace gw::redis {
namespace {

constexpr std::string_view kReapBatch = "100";
// A dead instance's connections go in small batches with pauses: 10 000 take five seconds and disturb nobody.
constexpr Duration kReapPause = 50ms;

}  // namespace

Lease::Lease(EventLoop& loop, Client& commands, const Keys& keys)
    : loop_(loop), commands_(commands), keys_(keys), token_(secure_random_hex(16)) {}

void Lease::start(Events events) {
  events_ = std::move(events);
  timer_ = loop_.every(kRenewEvery, [this] { renew(); });
}

void Lease::distrust() {
  distrusted_ = true;
  if (claimed_) forgotten_at_ = loop_.now();
}

void Lease::on_up() {
  up_since_ = loop_.now();
  if (claimed_) returned_at_ = up_since_;
  renewing_ = false;
  renew();
}

void Lease::on_down() {
  up_since_ = TimePoint::max();
  reaping_ = false;
  // Whoever was writing it anew has to begin again.
  distrusted_ = distrusted_ || !confirmed_;
}

void Lease::confirmed() {
  if (std::exchange(confirmed_, true)) return;
  if (is_fresh()) events_.on_fresh();
}

void Lease::refresh(std::function<void()> done) {
  if (leaving_ || !commands_.is_up()) return done();
  refreshing_.push_back(std::move(done));
  renew();
}

void Lease::renew() {
  if (leaving_ || renewing_ || !commands_.is_up()) return;
  renewing_ = true;
  run_script(commands_, scripts::lease,
             {{"lease", keys_.lease(keys_.instance())},
              {"gateways", keys_.gateways()},
              {"parked", keys_.parked()},
              {"waiting", keys_.waiting()},
              {"prefix", keys_.prefix()},
              {"me", keys_.instance()},
              {"token", token_},
              {"lease_ms", std::to_string(kTime.count())},
              {"live_ms", std::to_string((kTime - kSoft).count())},
              {"how", claimed_ ? "renew" : "claim"}},
             [this, asked_at = steady_now()](const Result<Reply>& reply) {
               on_renewed(reply, asked_at);
               for (const auto& done : std::exchange(refreshing_, {})) done();
             });
}

void Lease::on_renewed(const Result<Reply>& reply, TimePoint asked_at) {
  renewing_ = false;
  if (!reply) return;
  const std::string_view old = (*reply)[0].text();
  if (reply->size() < 2) {
    log::error("instance_id_taken",
               {{"instance_id", keys_.instance()},
                {"hint",
                 "another gateway runs with this instance-id: give each its own, or wait until it is gone"}});
    return;
  }
  parked_channels_ = static_cast<size_t>((*reply)[1].integer());
  waiting_channels_.clear();
  const Reply waiting = (*reply)[2];
  for (size_t i = 0; i < waiting.size(); ++i) waiting_channels_.emplace_back(waiting[i].text());
  peers_as_of_ = asked_at;
  peers_.clear();
  for (size_t i = 3; i + 2 < reply->size(); i += 3) {
    peers_.emplace((*reply)[i].text(), Peer{std::chrono::milliseconds((*reply)[i + 1].integer()),
                                            static_cast<size_t>((*reply)[i + 2].integer())});
  }
  const bool distrusted = std::exchange(distrusted_, false);
  const bool lost = !claimed_ || old != token_ || distrusted;
  const bool was_fresh = is_fresh();
  claimed_ = true;
  renewed_at_ = asked_at;
  if (lost) {
    log::info("lease_taken",
              {{"instance_id", keys_.instance()}, {"previous", old.empty() ? "none" : "another"}});
    confirmed_ = false;
    events_.on_lost();
  } else if (!was_fresh && is_fresh()) {
    events_.on_fresh();
  }
  reap();
}

bool Lease::is_alive(std::string_view instance) const {
  const auto it = peers_.find(instance);
  if (it == peers_.end() || loop_.now() - returned_at_ < kReturn) return true;
  return it->second.remaining - (steady_now() - peers_as_of_) > kTime - kSoft;
}

bool Lease::is_first() const {
  for (const auto& [instance, peer] : peers_) {
    if (instance == keys_.instance()) return true;
    if (peer.remaining > kTime - kSoft) return false;
  }
  return false;
}

void Lease::reap() {
  // When Redis slept, or came back, everybody's lease looks dead for a moment: only who has been connected
  // for a whole lease may judge.
  if (reaping_ || up_since_ == TimePoint::max() || loop_.now() - up_since_ < kTime) return;
  for (const auto& [instance, peer] : peers_) {
    if (peer.remaining.count() > 0 || instance == keys_.instance()) continue;
    reaping_ = true;
    log::warn("instance_lost", {{"instance_id", instance}, {"connections", peer.connections}});
    return reap_some(instance);
  }
}

void Lease::reap_some(const std::string& dead) {
  run_script(commands_, scripts::reap,
             {{"users", keys_.users()},
              {"gateways", keys_.gateways()},
              {"lease", keys_.lease(dead)},
              {"reaper", keys_.reaper(dead)},
              {"evicted", keys_.evicted(dead)},
              {"connections", keys_.gateway_connections(dead)},
              {"prefix", keys_.prefix()},
              {"events", keys_.events()},
              {"dead", dead},
              {"me", keys_.instance()},
              {"now", iso8601(loop_.wall_now())},
              {"most", kReapBatch}},
             [this, dead](const Result<Reply>& reply) {
               if (!reply || reply->integer() <= 0) {
                 reaping_ = false;
                 return;
               }
               reap_timer_ = loop_.after(kReapPause, [this, dead] { reap_some(dead); });
             });
}

void Lease::leave(OnReply done) {
  leaving_ = true;
  run_script(commands_, scripts::leave,
             {{"lease", keys_.lease(keys_.instance())},
              {"connections", keys_.gateway_connections(keys_.instance())},
              {"gateways", keys_.gateways()},
              {"me", keys_.instance()},
              {"token", token_}},
             std::move(done));
}

}  // namespace gw::redis
