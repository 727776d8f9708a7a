#include "engine/redis/lease.h"

#include <algorithm>

#include "base/log.h"
#include "base/random.h"

namespace gw::redis {
namespace {

constexpr std::string_view kReapBatch = "100";
// What the dead left goes in small batches, with pauses that leave nine tenths of Redis's time to others,
// however busy it is.
constexpr int kReapPauses = 9;
constexpr Duration kReapPauseMost = 1s;

}  // namespace

Lease::Lease(EventLoop& loop, Client& commands, const Keys& keys, size_t presence_max)
    : loop_(loop),
      commands_(commands),
      keys_(keys),
      presence_max_(std::to_string(presence_max)),
      token_(secure_random_hex(16)),
      state_(keys.instance()) {}

void Lease::start(Events events) {
  events_ = std::move(events);
  timer_ = loop_.every(kRenewEvery, [this] { renew(); });
}

void Lease::on_up() {
  state_.on_up(loop_.now());
  renew();
}

void Lease::on_registered() {
  if (state_.on_registered(loop_.now())) events_.on_fresh();
}

void Lease::refresh(std::function<void()> done) {
  if (state_.standing() == LeaseState::Standing::left || !commands_.is_up()) return done();
  refreshing_.push_back(std::move(done));
  renew();
}

void Lease::renew() {
  if (!state_.begin_renewal(loop_.now())) return;
  const bool claims = state_.standing() == LeaseState::Standing::unclaimed;
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
              {"how", claims ? "claim" : "renew"}},
             [this](const Result<Reply>& reply) {
               on_reply(reply);
               for (const auto& done : std::exchange(refreshing_, {})) done();
             });
}

void Lease::on_reply(const Result<Reply>& reply) {
  if (reply && reply->size() > 1) return on_renewed(*reply);
  state_.on_not_renewed();
  if (!reply) return;
  log::error(
      "instance_id_taken",
      {{"instance_id", keys_.instance()},
       {"hint", "another gateway runs with this instance-id: give each its own, or wait until it is gone"}});
}

void Lease::on_renewed(const Reply& reply) {
  const std::string_view old = reply[0].text();
  parked_channels_ = static_cast<size_t>(reply[1].integer());
  waiting_channels_.clear();
  const Reply waiting = reply[2];
  for (size_t i = 0; i < waiting.size(); ++i) waiting_channels_.emplace_back(waiting[i].text());
  Peers peers;
  for (size_t i = 3; i + 2 < reply.size(); i += 3) {
    peers.emplace(reply[i].text(), Peer{std::chrono::milliseconds(reply[i + 1].integer()),
                                        static_cast<size_t>(reply[i + 2].integer())});
  }
  switch (state_.on_renewed(old == token_, std::move(peers), loop_.now())) {
    case LeaseState::Renewed::lost:
      log::info("lease_taken", {{"instance_id", keys_.instance()},
                                {"previous", old.empty()     ? "none"
                                             : old == token_ ? "own"
                                                             : "another"}});
      events_.on_lost();
      break;
    case LeaseState::Renewed::fresh_again: events_.on_fresh(); break;
    case LeaseState::Renewed::kept: break;
  }
  reap();
}

void Lease::reap() {
  const auto dead = state_.begin_reaping(loop_.now());
  if (dead) reap_some(*dead, true);
}

void Lease::reap_some(const std::string& dead, bool is_first) {
  const TimePoint asked_at = loop_.now();
  run_script(
      commands_, scripts::reap,
      {{"users", keys_.users()},
       {"gateways", keys_.gateways()},
       {"lease", keys_.lease(dead)},
       {"reaper", keys_.reaper()},
       {"evicted", keys_.evicted(dead)},
       {"connections", keys_.gateway_connections(dead)},
       {"present", keys_.gateway_presence(dead)},
       {"prefix", keys_.prefix()},
       {"pubsub_prefix", keys_.pubsub_prefix()},
       {"events", keys_.events()},
       {"dead", dead},
       {"me", keys_.instance()},
       {"now", iso8601(loop_.wall_now())},
       {"now_ms", std::to_string(loop_.wall_now().time_since_epoch().count())},
       {"most", kReapBatch},
       {"members_max", presence_max_}},
      [this, dead, is_first, asked_at](const Result<Reply>& reply) {
        if (!reply || reply->integer() < 0) return state_.stop_reaping();
        if (is_first) {
          log::warn("instance_lost", {{"instance_id", dead}, {"connections", state_.connections_of(dead)}});
        }
        if (reply->integer() == 0) {
          state_.on_reaped();
          return reap();
        }
        const Duration pause = std::min<Duration>((loop_.now() - asked_at) * kReapPauses, kReapPauseMost);
        reap_timer_ = loop_.after(pause, [this, dead] { reap_some(dead, false); });
      });
}

void Lease::leave(OnReply done) {
  state_.leave();
  run_script(commands_, scripts::leave,
             {{"lease", keys_.lease(keys_.instance())},
              {"connections", keys_.gateway_connections(keys_.instance())},
              {"present", keys_.gateway_presence(keys_.instance())},
              {"gateways", keys_.gateways()},
              {"me", keys_.instance()},
              {"token", token_}},
             std::move(done));
}

}  // namespace gw::redis
