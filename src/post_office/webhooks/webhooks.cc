#include "post_office/webhooks/webhooks.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/random.h"

namespace gw {
namespace {

constexpr Duration kTickEvery = 100ms;

Error not_served() {
  return {Errc::failed_precondition,
          "webhooks are off: name the hosts that they may lead to (--webhook-hosts)"};
}

}  // namespace

Webhooks::Webhooks(EventLoop& loop, Engine& engine, PostOffice& post_office, WebhookOptions options,
                   const std::string& instance_id)
    : loop_(loop),
      engine_(engine),
      post_office_(post_office),
      options_(std::move(options)),
      producer_("webhook:" + instance_id + ":" + secure_random_hex(8)) {}

Webhooks::~Webhooks() = default;

Result<void> Webhooks::start() {
  if (!options_.ca_file.empty()) {
    const auto trust = read_tls_trust(options_.ca_file);
    if (!trust) return trust.error();
    trust_ = *trust;
  }
  engine_.webhooks().on_change([this] { load(); });
  ticks_ = loop_.every(kTickEvery, [this] { tick(); });
  load();
  return {};
}

void Webhooks::reconfigure(WebhookOptions options) {
  const bool was_off = options_.hosts.empty();
  options_ = std::move(options);
  if (was_off != options_.hosts.empty()) load();
}

Result<CallbackUrl> Webhooks::check(std::string_view callback) const {
  if (options_.hosts.empty()) return not_served();
  const Result<CallbackUrl> url = CallbackUrl::parse(callback);
  if (!url) return url;
  if (!is_named(options_.hosts, *url))
    return Error{Errc::permission_denied, url->host + " is not among the hosts of --webhook-hosts"};
  const auto literal = IpAddress::parse(url->host);
  if (literal && !may_lead_to(options_.hosts, *url, *literal))
    return Error{Errc::permission_denied, url->host + " is no address of the Internet"};
  return url;
}

void Webhooks::insert(const Webhook& webhook, Done<void> done) {
  const std::shared_ptr<Hook> hook = make(webhook);
  if (!hook) return done(Error{Errc::not_found, "no such channel"});
  if (is_stopped_) return done(Error{Errc::unavailable, "the gateway is about to end"});
  making_[webhook.id] = hook;
  hook->join([this, webhook, done = std::move(done)](const Result<void>& joined) {
    if (!joined) {
      making_.erase(webhook.id);
      return done(joined);
    }
    store().insert(webhook, [this, id = webhook.id, done](const Result<void>& stored) {
      const auto made = making_.extract(id);
      // It may have been listed already.
      if (stored && made && !hooks_.contains(id)) hooks_.emplace(id, made.mapped());
      done(stored);
    });
  });
}

const Hook* Webhooks::find(const std::string& id) const {
  const auto it = hooks_.find(id);
  return it == hooks_.end() ? nullptr : it->second.get();
}

void Webhooks::stop(std::function<void()> done) {
  is_stopped_ = true;
  for (auto& [id, hook] : std::exchange(hooks_, {})) drop(hook);
  on_idle_ = std::move(done);
  tick();
}

WebhookStats Webhooks::stats() const {
  WebhookStats stats = stats_;
  stats.webhooks = hooks_.size();
  stats.in_flight = budget_.used();
  for (const auto& [id, hook] : hooks_) {
    const Hook::State state = hook->state();
    stats.waiting += state.waiting;
    stats.circuits_open += state.circuit == CircuitBreaker::State::closed ? 0 : 1;
  }
  return stats;
}

void Webhooks::tick() {
  if (std::exchange(is_load_due_, false)) load();
  const TimePoint now = loop_.now();
  for (const auto& [id, hook] : hooks_) hook->tick(now);
  for (const auto& [id, hook] : making_) hook->tick(now);
  for (const auto& hook : leaving_) hook->tick(now);
  std::erase_if(leaving_, [](const auto& hook) { return hook->is_idle(); });
  if (on_idle_ && leaving_.empty()) std::exchange(on_idle_, nullptr)();
}

void Webhooks::load() {
  if (is_stopped_ || std::exchange(is_loading_, true)) {
    is_load_due_ = true;
    return;
  }
  engine_.webhooks().list([this](const Result<std::vector<Webhook>>& all) {
    is_loading_ = false;
    if (is_stopped_) return;
    if (!all) {
      is_load_due_ = true;
    } else {
      take(options_.hosts.empty() ? std::vector<Webhook>() : *all);
    }
  });
}

void Webhooks::take(const std::vector<Webhook>& all) {
  std::set<std::string_view> listed;
  for (const Webhook& webhook : all) listed.insert(webhook.id);
  for (auto it = hooks_.begin(); it != hooks_.end();) {
    const auto next = std::next(it);
    if (!listed.contains(it->first)) drop(hooks_.extract(it).mapped());
    it = next;
  }
  for (const Webhook& webhook : all) {
    if (const auto known = hooks_.find(webhook.id); known != hooks_.end()) {
      known->second->set_secrets(webhook);
    } else if (!making_.contains(webhook.id)) {
      if (auto hook = make(webhook)) hooks_.emplace(webhook.id, std::move(hook));
    }
  }
}

// The system's are many: read when they are needed, and once.
std::shared_ptr<TlsTrust> Webhooks::trust() {
  if (trust_) return trust_;
  if (const auto read = read_tls_trust(options_.ca_file)) trust_ = *read;
  return trust_;
}

// Null: the channel is not there, or the callback none that this version takes.
std::shared_ptr<Hook> Webhooks::make(const Webhook& webhook) {
  const auto channel = post_office_.channels().find(webhook.channel);
  const Result<CallbackUrl> url = CallbackUrl::parse(webhook.callback);
  if (!channel || !url) return nullptr;
  const Hook::Parts parts{{loop_, engine_.runs(), post_office_, options_}, budget_, stats_};
  auto hook = std::make_shared<Hook>(
      parts,
      WebhookTarget{webhook, *url, *channel, url->tls ? trust() : nullptr, producer_ + ":" + webhook.id});
  hook->own(hook);
  return hook;
}

void Webhooks::drop(std::shared_ptr<Hook> hook) {
  hook->leave();
  if (!hook->is_idle()) leaving_.push_back(std::move(hook));
}

}  // namespace gw
