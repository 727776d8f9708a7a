#include "engine/redis/client.h"

#include "base/log.h"
#include "base/random.h"

namespace gw::redis {
namespace {

constexpr Duration kCheckEvery = 50ms;
// A check that comes this late says more about this process than about Redis.
constexpr Duration kCheckLate = 300ms;
constexpr Duration kErrorLogEvery = 10s;
constexpr size_t kErrorWordsMax = 32;
constexpr Duration kBackoffMin = 20ms;
constexpr Duration kBackoffMax = 250ms;
constexpr Duration kShortLife = 500ms;
constexpr size_t kPendingMax = 4096;

}  // namespace

Client::Client(EventLoop& loop, const DialOptions& options, std::string name)
    : loop_(loop), options_(options), name_(std::move(name)), checked_at_(loop.now()) {}

Client::~Client() {
  if (dial_) dial_->cancel();
  if (link_) link_->abandon();
}

void Client::start(Events events) {
  events_ = std::move(events);
  flush_ = loop_.on_turn_end([this] {
    if (link_) link_->flush();
  });
  check_ = loop_.every(kCheckEvery, [this] {
    const TimePoint now = loop_.now();
    const bool late = now - std::exchange(checked_at_, now) > kCheckLate;
    if (link_ && !late) link_->check(now);
  });
  if (options_.url.is_cluster) {
    watch_ = options_.cluster->watch(options_.slot, [this] {
      restart({Errc::unavailable, "the cluster names another master for the slot"});
    });
  }
  dial();
}

bool Client::is_full() const {
  return !is_up() || link_->pending() >= kPendingMax || link_->pending_bytes() >= link_->window_bytes();
}

void Client::command(std::span<const std::string_view> words, OnReply done) {
  if (!link_) {
    if (done) done(Error{Errc::unavailable, "not connected to Redis"});
    return;
  }
  ++stats_.commands_total;
  link_->command(words, std::move(done));
}

void Client::publish(std::string_view name, std::string_view payload, OnReply done) {
  command({is_cluster() ? "SPUBLISH" : "PUBLISH", name, payload}, std::move(done));
}

void Client::send(std::span<const std::string_view> words) {
  if (link_) link_->send(words);
}

void Client::resume() {
  if (link_) link_->resume();
}

void Client::restart(const Error& why) {
  if (dial_) {
    dial_->cancel();
    dial_.reset();
    return redial_later(why);
  }
  if (!link_) return;
  const std::shared_ptr<Link> link = std::move(link_);
  link_ = nullptr;
  link->close(why);
  on_down(why);
}

ConnectionStats Client::stats() const {
  ConnectionStats stats = stats_;
  stats.up = is_up();
  stats.pending = link_ ? link_->pending() : 0;
  return stats;
}

void Client::dial() {
  dial_ = Dial::start(loop_, options_, [this](Result<Dialled> dialled) { on_dialled(std::move(dialled)); });
}

void Client::on_dialled(Result<Dialled> dialled) {
  dial_.reset();
  if (!dialled || !dialled->link->is_open()) {
    return redial_later(dialled ? Error{Errc::unavailable, "lost at once"} : dialled.error());
  }
  link_ = std::move(dialled->link);
  run_id_ = std::move(dialled->run_id);
  up_since_ = loop_.now();
  const std::string server = is_cluster() ? dialled->server : options_.url.text();
  log::info("redis_connected", {{"connection", name_}, {"server", server}});
  if (events_.on_push) link_->expect_pushes();
  link_->start({
      .on_down =
          [this](const Error& why) {
            link_.reset();
            on_down(why);
          },
      .on_push = events_.on_push,
      .on_error = [this](const Error& error) { on_error(error); },
  });
  events_.on_up();
}

void Client::on_error(const Error& error) {
  ++stats_.errors_total;
  // What a caller expects and handles is no news.
  if (error.detail.starts_with("Redis: BUSYGROUP")) return;
  const TimePoint now = loop_.now();
  constexpr std::string_view kBegin = "Redis: ";
  const std::string_view text = std::string_view(error.detail).substr(kBegin.size());
  const std::string word(text.substr(0, text.find(' ')));
  if (errors_logged_at_.size() >= kErrorWordsMax) errors_logged_at_.clear();
  const auto [logged, first] = errors_logged_at_.try_emplace(word, now);
  if (first || now - logged->second >= kErrorLogEvery) {
    logged->second = now;
    log::warn("redis_refused", {{"connection", name_}, {"reason", error.detail}});
  }
  // The master has become a replica: the address has to be found again. Or the scripts are gone.
  if (error.detail.starts_with("Redis: READONLY") || error.detail.starts_with("Redis: NOSCRIPT") ||
      has_moved(error)) {
    restart_soon(error);
  }
  // Others may have chosen another master behind this one's back.
  if (is_cluster() && error.detail.starts_with("Redis: CLUSTERDOWN")) options_.cluster->look();
}

void Client::restart_soon(const Error& why) {
  loop_.post([this, why, link = link_] {
    if (link == link_) restart(why);
  });
}

void Client::on_down(const Error& why) {
  run_id_.clear();
  ++stats_.losses_total;
  log::warn("redis_connection_lost", {{"connection", name_}, {"reason", why.detail}});
  last_failure_ = why.detail;
  // A server that ends each connection at once is not asked more often than somebody can read the log.
  backoff_ = loop_.now() - up_since_ < kShortLife ? kShortLife : Duration();
  events_.on_down();
  redial_later(why);
}

void Client::redial_later(const Error& why) {
  if (why.detail != last_failure_) {
    last_failure_ = why.detail;
    log::warn("redis_unreachable",
              {{"connection", name_}, {"server", options_.url.text()}, {"reason", why.detail}});
  }
  if (backoff_ < kShortLife) {
    backoff_ = backoff_ == Duration() ? kBackoffMin : std::min(backoff_ * 2, kBackoffMax);
  }
  // Some of it at random: the instances must not all come back at the same moment.
  const auto jitter =
      Duration(static_cast<Duration::rep>(fast_random() % static_cast<uint64_t>(backoff_.count())));
  redial_ = loop_.after(backoff_ / 2 + jitter / 2, [this] { dial(); });
}

}  // namespace gw::redis
