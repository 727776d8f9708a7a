#include "engine/redis/subscriptions.h"

#include <algorithm>

namespace gw::redis {
namespace {

constexpr Duration kAskEvery = 1s;
constexpr Duration kAnswerTime = 5s;
// A look that comes this late says more about this process than about Redis: the answer may be waiting here.
constexpr Duration kLookLate = 2 * kAskEvery;

}  // namespace

void Subscriptions::start(Events events) {
  events_ = std::move(events);
  ask_ = loop_.every(kAskEvery, [this] { ask(); });
  connection_.start({.on_up = [this] { on_up(); },
                     .on_down = [this] { on_down(); },
                     .on_push = [this](const Reply& push) { return on_push(push); }});
}

// Probes show that this connection hears; this, that it is heard. The answer stands behind whatever is on its
// way.
void Subscriptions::ask() {
  if (!connection_.is_up() || connection_.is_holding()) return asked_at_.reset();
  const TimePoint now = loop_.now();
  const bool late = now - std::exchange(looked_at_, now) > kLookLate;
  if (!asked_at_) {
    const std::string_view words[]{"PING"};
    connection_.send(words);
    asked_at_ = now;
  } else if (!late && now - *asked_at_ >= kAnswerTime) {
    connection_.restart({Errc::unavailable, "PING was not answered for " + format_duration(kAnswerTime)});
  }
}

void Subscriptions::add(const std::string& name, OnMessage on_message, Done<void> done) {
  if (!connection_.is_up()) return done(Error{Errc::unavailable, "not connected to Redis"});
  const auto [it, inserted] = entries_.try_emplace(name);
  Entry& entry = it->second;
  if (inserted) {
    entry.on_message = std::make_shared<const OnMessage>(std::move(on_message));
    subscribe(name);
  }
  if (entry.confirmed) return done({});
  entry.waiting.push_back(std::move(done));
}

void Subscriptions::keep(const std::string& name, OnMessage on_message, std::function<void()> on_again) {
  Entry& entry = entries_[name];
  entry.on_message = std::make_shared<const OnMessage>(std::move(on_message));
  entry.on_again = std::move(on_again);
  if (connection_.is_up()) subscribe(name);
}

void Subscriptions::remove(const std::string& name) {
  const auto it = entries_.find(name);
  if (it == entries_.end()) return;
  if (!it->second.confirmed && connection_.is_up()) ++given_up_[name];
  entries_.erase(it);
  unsubscribe(name);
}

void Subscriptions::leave(const std::string& name, std::function<void()> done) {
  const auto it = entries_.find(name);
  if (it == entries_.end() || !connection_.is_up()) {
    entries_.erase(name);
    return done();
  }
  it->second.leaving = std::move(done);
  unsubscribe(name);
}

// On a cluster to the shard's Pub/Sub, which has its own words.
void Subscriptions::subscribe(const std::string& name) {
  const std::string_view words[]{connection_.is_cluster() ? "SSUBSCRIBE" : "SUBSCRIBE", name};
  connection_.send(words);
}

void Subscriptions::unsubscribe(const std::string& name) {
  if (!connection_.is_up()) return;
  ++ending_[name];
  const std::string_view words[]{connection_.is_cluster() ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", name};
  connection_.send(words);
}

void Subscriptions::on_up() {
  std::vector<std::string_view> words{connection_.is_cluster() ? "SSUBSCRIBE" : "SUBSCRIBE"};
  for (const auto& [name, entry] : entries_) words.push_back(name);
  connection_.send(words);
}

void Subscriptions::on_down() {
  ready_ = false;
  asked_at_.reset();
  given_up_.clear();
  ending_.clear();
  std::vector<Done<void>> waiting;
  for (auto& [name, entry] : entries_) {
    entry.missed = entry.missed || entry.confirmed;
    entry.confirmed = false;
    std::move(entry.waiting.begin(), entry.waiting.end(), std::back_inserter(waiting));
    entry.waiting.clear();
  }
  for (const Done<void>& done : waiting) done(Error{Errc::unavailable, "the connection to Redis was lost"});
  std::vector<std::string> left;
  for (const auto& [name, entry] : entries_) {
    if (entry.leaving) left.push_back(name);
  }
  for (const std::string& name : left) on_left(name);
  events_.on_down();
}

// https://redis.io/docs/latest/develop/pubsub/: [kind, name, payload or count].
bool Subscriptions::on_push(const Reply& push) {
  if (push.is_error()) {
    connection_.restart(to_error(push.text()));
    return true;
  }
  std::string_view kind = push[0].text();
  if (connection_.is_cluster() && kind.starts_with('s')) kind.remove_prefix(1);
  if (kind == "message") {
    const auto it = entries_.find(push[1].text());
    if (it == entries_.end()) return true;  // one that was just given up
    const auto on_message = it->second.on_message;
    return (*on_message)(push[2].text());
  }
  if (kind == "pong") asked_at_.reset();
  if (kind == "subscribe") on_confirmed(push[1].text());
  if (kind == "unsubscribe") on_unsubscribed(push[1].text());
  return true;
}

// A cluster ends them by itself when the slot has another master.
void Subscriptions::on_unsubscribed(std::string_view name) {
  const auto asked = ending_.find(name);
  if (asked == ending_.end()) return connection_.restart({Errc::unavailable, "the slot has another master"});
  if (--asked->second == 0) ending_.erase(asked);
  on_left(name);
}

void Subscriptions::on_left(std::string_view name) {
  const auto it = entries_.find(name);
  if (it == entries_.end() || !it->second.leaving) return;
  const auto done = std::move(it->second.leaving);
  entries_.erase(it);
  done();
}

void Subscriptions::on_confirmed(std::string_view name) {
  if (const auto given_up = given_up_.find(name); given_up != given_up_.end()) {
    if (--given_up->second == 0) given_up_.erase(given_up);
    return;
  }
  const auto it = entries_.find(name);
  if (it == entries_.end()) return;
  it->second.confirmed = true;
  if (std::exchange(it->second.missed, false) && it->second.on_again) it->second.on_again();
  // Whoever is told may unsubscribe at once, which changes the entries.
  for (const Done<void>& done : std::exchange(it->second.waiting, {})) done({});
  if (ready_ ||
      !std::all_of(entries_.begin(), entries_.end(), [](const auto& e) { return e.second.confirmed; })) {
    return;
  }
  ready_ = true;
  events_.on_ready();
}

}  // namespace gw::redis
