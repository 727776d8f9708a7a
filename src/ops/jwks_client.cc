#include "ops/jwks_client.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace gw {

JwksClient::JwksClient(EventLoop& loop, JwksClientOptions options, Take take)
    : loop_(loop),
      options_(std::move(options)),
      take_(std::move(take)),
      client_(loop, options_.client),
      asked_at_(loop.now() - options_.least),
      retry_(options_.retry_from) {}

void JwksClient::start() { fetch(); }

void JwksClient::refresh(std::function<void(bool is_done)> done) {
  if (waiting_.size() >= options_.waiting_max) return done(false);
  if (!is_fetching_ && loop_.now() < may_ask_at()) {
    // Who comes again then finds them.
    fetch_at(may_ask_at());
    return done(false);
  }
  waiting_.push_back(std::move(done));
  if (is_fetching_) return;
  asked_at_ = loop_.now();
  fetch();
}

// An issuer that is away is asked by its back-off, whatever clients show meanwhile.
TimePoint JwksClient::may_ask_at() const { return std::max(asked_at_ + options_.least, away_until_); }

// Never later than was meant before.
void JwksClient::fetch_at(TimePoint when) {
  if (timer_ && fetch_at_ <= when) return;
  fetch_at_ = when;
  timer_ = loop_.after(when - loop_.now(), [this] { fetch(); });
}

void JwksClient::fetch() {
  is_fetching_ = true;
  timer_.reset();
  client_.send({"GET", options_.target, ""},
               [this](Result<http::ClientResponse> answer) { on_answer(std::move(answer)); });
}

void JwksClient::on_answer(Result<http::ClientResponse> answer) {
  is_fetching_ = false;
  const Result<void> taken = take(answer);
  settle(taken);
  for (const auto& done : std::exchange(waiting_, {})) done(taken.has_value());
}

Result<void> JwksClient::take(const Result<http::ClientResponse>& answer) const {
  if (!answer) return answer.error();
  if (answer->status != 200) return Error{Errc::unavailable, "it answered " + std::to_string(answer->status)};
  return take_(answer->body);
}

void JwksClient::settle(const Result<void>& taken) {
  fetch_at(loop_.now() + (taken ? options_.every : retry_));
  if (taken) {
    retry_ = options_.retry_from;
    away_until_ = {};
    if (std::exchange(is_known_bad_, false)) log::info("jwks_fetched", {{"target", options_.target}});
    return;
  }
  away_until_ = loop_.now() + retry_;
  retry_ = std::min(2 * retry_, options_.retry_to);
  if (std::exchange(is_known_bad_, true)) return;
  log::warn("jwks_unavailable", {{"server", options_.client.server.text()},
                                 {"target", options_.target},
                                 {"reason", taken.error().detail},
                                 {"hint", "the keys that were fetched before stay good; see jwt-jwks-url"}});
}

}  // namespace gw
