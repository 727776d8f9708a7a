#include "engine/redis/run_index.h"

#include <algorithm>

#include "base/digest.h"

namespace gw::redis {
namespace {

constexpr std::string_view kAll = "all", kStrangers = "strangers", kRealm = "realm:";
// What could not be undone in a partition that is away is undone by who looks next.
constexpr Duration kAgainAfter = 5s;

// Whether what it counted for, and what names it, can be reached where that is not beside it.
bool can_undo(const RunPlaces& places, const RunCounted& counted) {
  if (places.size() == 1) return true;
  for (const std::string& name : {counted.user, counted.thread, counted.asked}) {
    if (!name.empty() && !places.of(name).messages.is_up()) return false;
  }
  return true;
}

// A script whose keys are those by which runs are counted for `whom`, and what it takes besides.
void run_counting(const RunPlace& place, const Script& script, std::string_view whom,
                  std::initializer_list<Given> arguments, OnReply done) {
  const std::string open = place.keys.runs_open(whom), kept = place.keys.runs_kept(whom);
  const std::string bytes = place.keys.runs_bytes(whom), logs = place.keys.runs_logs(whom);
  run_script(place.messages, script, {{"open", open}, {"kept", kept}, {"bytes", bytes}, {"logs", logs}},
             arguments, std::move(done));
}

// Bytes are reserved in steps, so that most appends ask nobody.
constexpr uint64_t kSteps = 64, kStepMost = uint64_t{64} << 10;

}  // namespace

RunBound RunIndex::of_realm(const std::string& realm) const {
  return of_many(joined(kRealm, realm), "the realm");
}

RunBound RunIndex::of_all() const {
  RunBound bound = of_many(std::string(kAll), "the gateway");
  bound.open_most = share(limits_.open_runs);
  bound.kept_most = RunLimits::kKeptPerOpen * bound.open_most;
  bound.bytes_most = 0;
  return bound;
}

RunBound RunIndex::of_many(std::string whom, const std::string& whose) const {
  const size_t open_most = share(limits_.open_runs_per_realm);
  return {std::move(whom),
          open_most,
          RunLimits::kKeptPerOpen * open_most,
          share(limits_.realm_bytes),
          RunErrc::resource_exhausted,
          whose + " has all the runs that may be"};
}

const RunPlace& RunIndex::place_of(const std::string& run_id, std::string_view whom) const {
  const bool is_many = whom == kAll || whom == kStrangers || whom.starts_with(kRealm);
  return places_.of(is_many ? std::string_view(run_id) : whom);
}

std::vector<RunBound> RunIndex::bounds_of(const std::string& user, const std::string& realm) const {
  std::vector<RunBound> bounds;
  if (!user.empty() && user != kStranger)
    bounds.push_back({user, limits_.open_runs_per_user, limits_.kept_runs_per_user, limits_.user_bytes,
                      RunErrc::too_many_runs, "the user has all the runs that he may"});
  if (user.starts_with(kStranger)) bounds.push_back(of_many(std::string(kStrangers), "who has no session"));
  if (!realm.empty()) bounds.push_back(of_realm(realm));
  return bounds;
}

std::string RunIndex::due_name(const RunPlace& place, std::string_view run_id) const {
  return place.keys.runs_due(sha256(run_id)[0] % places_.due_buckets());
}

void RunIndex::look(const std::string& run_id, Duration in, std::string_view how) {
  const RunPlace& place = places_.of(run_id);
  // After the millisecond in which it is so.
  run_script(place.messages, scripts::due_run,
             {{"due", due_name(place, run_id)},
              {"id", run_id},
              {"in_ms", milliseconds(in + 1ms)},
              {"how", how},
              {"kept_ms", kept_ms()}},
             {});
}

void RunIndex::count(const std::string& run_id, const RunBound& bound, OnCounted done) {
  run_counting(place_of(run_id, bound.whom), scripts::count_run, bound.whom,
               {{"id", run_id},
                {"hold_ms", milliseconds(kHold)},
                {"open_most", std::to_string(bound.open_most)},
                {"kept_most", std::to_string(bound.kept_most)},
                {"keys_ms", kept_ms()}},
               [done = std::move(done)](const Result<Reply>& reply) {
                 if (!reply) return done(reply.error());
                 Counted counted{(*reply)[0].integer() <= 0, (*reply)[0].integer() == 1, {}};
                 for (size_t i = 1; i < reply->size(); ++i) counted.over.emplace_back((*reply)[i].text());
                 done(counted);
               });
}

void RunIndex::count(const std::string& run_id, std::string_view whom) {
  run_counting(place_of(run_id, whom), scripts::count_run, whom,
               {{"id", run_id},
                {"hold_ms", milliseconds(limits_.life + limits_.retention)},
                {"open_most", "0"},
                {"kept_most", "0"},
                {"keys_ms", kept_ms()}},
               {});
}

void RunIndex::uncount(const std::string& run_id, std::string_view whom, Duration kept, uint64_t bytes,
                       std::string_view keys_ms) {
  run_counting(place_of(run_id, whom), scripts::uncount_run, whom,
               {{"id", run_id},
                {"kept_ms", milliseconds(kept)},
                {"size", std::to_string(bytes)},
                {"keys_ms", keys_ms}},
               [this, run_id](const Result<Reply>& reply) {
                 if (!reply && places_.size() > 1) look_by(run_id, kAgainAfter);
               });
}

void RunIndex::reserve(const std::string& run_id, const RunBound& bound, uint64_t needed,
                       std::function<void(const Result<Reserved>&)> done) {
  const uint64_t more = std::clamp<uint64_t>(bound.bytes_most / kSteps, 1, kStepMost);
  // Of the second half all who may have a run open find one.
  const uint64_t little =
      std::clamp<uint64_t>(bound.bytes_most / 2 / std::max<size_t>(bound.open_most, 1), 1, more);
  run_counting(place_of(run_id, bound.whom), scripts::reserve_run, bound.whom,
               {{"id", run_id},
                {"needed", std::to_string(needed)},
                {"wanted", std::to_string(needed + more)},
                {"little", std::to_string(needed + little)},
                {"most", std::to_string(bound.bytes_most)},
                {"keys_ms", kept_ms()}},
               [done = std::move(done)](const Result<Reply>& reply) {
                 if (!reply) return done(reply.error());
                 Reserved reserved{static_cast<uint64_t>((*reply)[0].integer()), {}};
                 for (size_t i = 1; i < reply->size(); ++i) reserved.expired.emplace_back((*reply)[i].text());
                 done(reserved);
               });
}

void RunIndex::name_thread(const std::string& run_id, const std::string& digest, std::function<void()> done) {
  const RunPlace& place = places_.of(digest);
  run_script(place.messages, scripts::name_thread,
             {{"thread", place.keys.thread(digest)},
              {"id", run_id},
              {"most", std::to_string(kThreadMost)},
              {"ms", milliseconds(limits_.life + limits_.retention)}},
             [done = std::move(done)](const Result<Reply>&) { done(); });
}

void RunIndex::unname_thread(const std::string& run_id, const std::string& digest, Duration kept) {
  const RunPlace& place = places_.of(digest);
  run_script(place.messages, scripts::unname_thread,
             {{"thread", place.keys.thread(digest)}, {"id", run_id}, {"ms", milliseconds(kept)}}, {});
}

void RunIndex::name_asked(const std::string& run_id, const std::string& digest, std::string_view instead_of,
                          std::function<void(Result<std::string>)> done) {
  const RunPlace& place = places_.of(digest);
  run_script(place.messages, scripts::name_run,
             {{"name", place.keys.run_asked(digest)},
              {"id", run_id},
              {"instead_of", instead_of},
              {"ms", milliseconds(limits_.life)}},
             [done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               done(std::string(reply->text()));
             });
}

void RunIndex::unname_asked(const std::string& run_id, const std::string& digest) {
  const RunPlace& place = places_.of(digest);
  run_script(place.messages, scripts::unname_run, {{"name", place.keys.run_asked(digest)}, {"id", run_id}},
             {});
}

void RunIndex::made(const std::string& run_id, const std::string& user, const std::string& realm) {
  const RunPlace& place = places_.of(run_id);
  run_script(place.messages, scripts::list_run,
             {{"runs", place.keys.runs()}, {"id", run_id}, {"kept_ms", kept_ms()}}, {});
  count(run_id, kAll);
  for (const RunBound& bound : bounds_of(user, realm)) count(run_id, bound.whom);
}

void RunIndex::kept_on(const std::string& id, const std::string& realm, Duration left) {
  count(id, kAll);
  for (const RunBound& bound : bounds_of({}, realm)) count(id, bound.whom);
  // Before those counts are over.
  look_at(id, std::min<Duration>(left, limits_.life / 2));
}

void RunIndex::closed(const std::string& id, const std::string& realm, uint64_t bytes, Duration left) {
  // It counts until whoever looks has found it gone.
  const Duration kept = std::max<Duration>(left, 1ms) + kHold;
  uncount(id, kAll, kept, 0, kept_ms());
  for (const RunBound& bound : bounds_of({}, realm)) uncount(id, bound.whom, kept, bytes, kept_ms());
  look_at(id, std::min<Duration>(left, limits_.life / 2));
}

void RunIndex::still(const std::string& id, const RunAnswer& stream) {
  const std::chrono::milliseconds left(stream.number(0));
  const std::string realm(stream.text(1));
  if (!is_over(stream.top().status)) return kept_on(id, realm, left);
  closed(id, realm, static_cast<uint64_t>(stream.number(2)), left);
}

void RunIndex::end_names(const std::string& run_id, const RunCounted& counted, Duration kept) {
  uncount(run_id, kAll, kept, counted.bytes);
  for (const RunBound& bound : bounds_of(counted.user, counted.realm))
    uncount(run_id, bound.whom, kept, counted.bytes);
  if (!counted.thread.empty()) unname_thread(run_id, counted.thread, kept);
  if (!counted.asked.empty()) unname_asked(run_id, counted.asked);
}

void RunIndex::over(const std::string& run_id, const RunCounted& counted) {
  end_names(run_id, counted, std::max<Duration>(counted.kept, 1ms));
  // Last, so that who finds this undone does all of it again.
  look_at(run_id, can_undo(places_, counted) ? counted.kept : kAgainAfter);
}

void RunIndex::removed(const std::string& run_id, const RunCounted& counted) {
  end_names(run_id, counted, 0ms);
  if (!can_undo(places_, counted)) return look_at(run_id, kAgainAfter);
  gone(run_id);
}

// When it is looked at goes last, so that who finds any of this undone does all of it again.
void RunIndex::gone(const std::string& run_id) {
  const RunPlace& place = places_.of(run_id);
  place.messages.command({"ZREM", place.keys.runs(), run_id}, {});
  run_script(place.messages, scripts::forget_run,
             {{"run", place.keys.run(run_id)}, {"removed", place.keys.run_removed(run_id)}}, {});
  place.messages.command({"ZREM", due_name(place, run_id), run_id}, {});
}

}  // namespace gw::redis
