#include "post_office/http_api/run_readers.h"

#include <utility>

#include "post_office/http_api/run_bodies.h"

namespace gw::http_api {
namespace {

constexpr Duration kSweepPeriod = 1s;
constexpr Duration kKeepAlivePeriod = 5s;
constexpr Duration kCatchUpPeriod = 10ms;

RunRefusal too_many_streams(const char* detail) {
  RunRefusal busy;
  busy.code = RunErrc::rate_limited;
  busy.detail = detail;
  return busy;
}

}  // namespace

RunReaders::RunReaders(Parts parts, RunReaderOptions options)
    : parts_(parts), options_(options), sweeps_(parts.loop.every(kSweepPeriod, [this] { sweep(); })) {}

RunReaders::~RunReaders() = default;

std::optional<http::Response> RunReaders::refuse_one_more(const RunCaller& caller) const {
  if (closed_) return refusal(Error{Errc::unavailable, "the gateway is about to end"});
  const auto of_key = of_keys_.find(caller.key);
  if (caller.key && of_key != of_keys_.end() && of_key->second >= options_.streams_of_a_key)
    return refusal(too_many_streams("this key has too many streams open"));
  const auto of_user = of_users_.find(user_of(caller));
  if (of_user == of_users_.end() || of_user->second < options_.streams_of_a_user) return std::nullopt;
  return refusal(too_many_streams("this user has too many streams open"));
}

RunReaders::LiveSession RunReaders::keep_current(const SessionPtr& session) {
  if (!session) return nullptr;
  auto live = std::make_shared<SessionPtr>(session);
  expected_.push_back(live);
  return live;
}

void RunReaders::follow(Ask ask) {
  const std::shared_ptr<RunFollower> feed =
      ask.follower([this](const std::shared_ptr<RunFollower>& changed) { settle(changed); });
  if (auto refused = refuse_one_more(ask.caller)) return feed->refuse(*std::move(refused));
  const std::string user = user_of(ask.caller);
  if (!user.empty()) ++of_users_[user];
  if (ask.caller.key) ++of_keys_[ask.caller.key];
  feeds_.emplace(feed, ask.caller);
  RunReading reading =
      parts_.runs.read(ask.run_id, feed,
                       [this, weak = std::weak_ptr<RunFollower>(feed), place = std::move(ask.place),
                        unknown = std::move(ask.unknown)](const RunResult<const Run*>& run) {
                         const std::shared_ptr<RunFollower> begun = weak.lock();
                         if (!begun || begun->state() != RunFollower::State::unanswered) return;
                         if (!run && run.error().code != RunErrc::not_found)
                           return begun->refuse(refusal(run.error()));
                         const SessionPtr session = feeds_.at(begun).session;
                         if (session && session->status_at(parts_.loop.wall_now()) != SessionStatus::active)
                           return begun->refuse(Access::refuse_session());
                         if (!run || !parts_.callers.may_see(feeds_.at(begun), (*run)->record))
                           return begun->refuse(unknown);
                         auto found = place(**run);
                         if (auto* const refused = std::get_if<http::Response>(&found))
                           return begun->refuse(std::move(*refused));
                         begun->begin(**run, std::get<RunStart>(found));
                       });
  // It may have ended within the call.
  if (feeds_.contains(feed)) feed->reading = std::move(reading);
}

void RunReaders::settle(const std::shared_ptr<RunFollower>& feed) {
  if (feed->state() == RunFollower::State::ended) return forget(feed);
  if (feed->state() != RunFollower::State::lagging) return (void)lagging_.erase(feed);
  lagging_.insert(feed);
  if (!catching_up_) catching_up_ = parts_.loop.every(kCatchUpPeriod, [this] { catch_up(); });
}

void RunReaders::forget(const std::shared_ptr<RunFollower>& feed) {
  const auto known = feeds_.find(feed);
  if (known == feeds_.end()) return;
  const auto count = of_users_.find(user_of(known->second));
  if (count != of_users_.end() && --count->second == 0) of_users_.erase(count);
  if (known->second.key) --of_keys_[known->second.key];
  feed->reading.reset();
  lagging_.erase(feed);
  feeds_.erase(known);
}

void RunReaders::cut(const std::vector<std::shared_ptr<RunFollower>>& feeds) {
  for (const auto& feed : feeds) feed->cut();
}

void RunReaders::catch_up() {
  const std::vector<std::shared_ptr<RunFollower>> lagging(lagging_.begin(), lagging_.end());
  for (const auto& feed : lagging) feed->catch_up();
  if (lagging_.empty()) catching_up_.reset();
}

void RunReaders::sweep() {
  std::erase_if(expected_, [](const auto& session) { return session.expired(); });
  const WallTime now = parts_.loop.wall_now();
  std::vector<std::shared_ptr<RunFollower>> over;
  for (const auto& [feed, caller] : feeds_) {
    const bool may_stay = !caller.session || caller.session->status_at(now) == SessionStatus::active;
    if (!may_stay || feed->has_left()) over.push_back(feed);
  }
  cut(over);
  if (parts_.loop.now() - kept_alive_at_ < kKeepAlivePeriod) return;
  kept_alive_at_ = parts_.loop.now();
  for (const auto& [feed, caller] : feeds_) feed->keep_alive();
}

void RunReaders::on_session_changed(const SessionPtr& session) {
  for (const auto& expected : expected_) {
    const std::shared_ptr<SessionPtr> live = expected.lock();
    if (live && (*live)->key == session->key) *live = session;
  }
  const bool is_active = session->status_at(parts_.loop.wall_now()) == SessionStatus::active;
  std::vector<std::shared_ptr<RunFollower>> over;
  for (auto& [feed, caller] : feeds_) {
    if (!caller.session || caller.session->key != session->key) continue;
    caller.session = session;
    // One that is not answered yet is looked at then.
    const Run* const run = feed->reading.run();
    if (!is_active || (run && !parts_.callers.may_see(caller, run->record))) over.push_back(feed);
  }
  cut(over);
}

void RunReaders::cut_all() {
  closed_ = true;
  std::vector<std::shared_ptr<RunFollower>> open;
  for (const auto& [feed, caller] : feeds_) open.push_back(feed);
  cut(open);
}

}  // namespace gw::http_api
