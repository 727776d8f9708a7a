#include "engine/redis/sentinels.h"

#include <algorithm>
#include <charconv>

namespace gw::redis {
namespace {

constexpr Duration kAskEvery = 1s;

template <class Number>
bool parse(std::string_view text, Number& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc();
}

// Not the master's password is at fault.
Error of_sentinel(const Error& why) {
  const size_t advice = why.detail.find(" (check");
  if (advice == std::string::npos) return why;
  return {why.code, why.detail.substr(0, advice) +
                        " (give redis-url ?sentinel_password=, and &sentinel_user= where it has users)"};
}

Result<void> read_naming(size_t, Naming& naming, size_t command, const Reply& reply) {
  if (command == 0) {
    naming.master.host = reply[0].text();
    if (parse(reply[1].text(), naming.master.port)) return {};
    return Error{Errc::unavailable, "does not know it"};
  }
  for (size_t i = 0; i + 1 < reply.size(); i += 2) {
    if (reply[i].text() == "config-epoch") parse(reply[i + 1].text(), naming.epoch);
  }
  return {};
}

}  // namespace

std::optional<Naming> newest(const std::vector<Naming>& answers, size_t asked,
                             const std::optional<Naming>& known) {
  const auto agreeing = [&](const Naming& naming) {
    return std::count_if(answers.begin(), answers.end(),
                         [&](const Naming& other) { return other.master == naming.master; });
  };
  const auto best = std::max_element(answers.begin(), answers.end(), [&](const Naming& a, const Naming& b) {
    return a.epoch != b.epoch ? a.epoch < b.epoch : agreeing(a) < agreeing(b);
  });
  if (best == answers.end()) return std::nullopt;
  const bool by_most = static_cast<size_t>(agreeing(*best)) > asked / 2;
  if (known && best->epoch <= known->epoch && best->master != known->master && !by_most) return known;
  return *best;
}

Sentinels::Sentinels(EventLoop& loop, const Url& url, const std::string& ca_file,
                     std::function<void()> on_moved)
    : loop_(loop), url_(url), ca_file_(ca_file), on_moved_(std::move(on_moved)), poll_(loop) {}

void Sentinels::start() {
  if (url_.sentinel_master.empty()) return;
  tick_ = loop_.every(kAskEvery, [this] { ask([](Result<HostPort>) {}); });
}

void Sentinels::ask(Done<HostPort> done) {
  waiting_.push_back(std::move(done));
  if (waiting_.size() == 1) begin();
}

void Sentinels::begin() {
  std::vector<Inquiry::Server> servers;
  for (const HostPort& host : url_.hosts) {
    servers.push_back({host, url_.tls, ca_file_, url_.sentinel_user, url_.sentinel_password});
  }
  // The address as it is even in the middle of a failover, and how new it is.
  poll_.begin(servers,
              {{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", url_.sentinel_master},
               {"SENTINEL", "MASTER", url_.sentinel_master}},
              read_naming,
              [this](const std::vector<Naming>& answers, const Error& why) { finish(answers, why); });
}

void Sentinels::finish(const std::vector<Naming>& answers, const Error& last_error) {
  const std::optional<Naming> found = newest(answers, url_.hosts.size(), known_);
  const bool moved = found && known_ && found->master != known_->master;
  if (found) known_ = found;
  const auto waiting = std::exchange(waiting_, {});
  if (moved) on_moved_();
  for (const Done<HostPort>& done : waiting) {
    if (found) {
      done(found->master);
    } else {
      done(Error{Errc::unavailable, "no sentinel names the master " + url_.sentinel_master + " (sentinel " +
                                        of_sentinel(last_error).detail + ")"});
    }
  }
}

}  // namespace gw::redis
