#include "engine/redis/run_index.h"

#include <algorithm>

#include "base/digest.h"

namespace gw::redis {
namespace {

constexpr std::string_view kAll = "all";
// Bytes are reserved in steps, so that most appends ask nobody.
constexpr uint64_t kSteps = 64, kStepMost = uint64_t{64} << 10;

}  // namespace

RunBound RunIndex::of_user(const std::string& user) const {
  return {user,
          limits_.open_runs_per_user,
          limits_.kept_runs_per_user,
          limits_.user_bytes,
          RunErrc::too_many_runs,
          "the user has all the open runs that he may"};
}

RunBound RunIndex::of_realm(const std::string& realm) const {
  return {"realm:" + realm,    limits_.open_runs_per_realm, 0,
          limits_.realm_bytes, RunErrc::resource_exhausted, "the realm has all the open runs that it may"};
}

RunBound RunIndex::of_all() const {
  return {std::string(kAll),
          limits_.open_runs,
          0,
          0,
          RunErrc::resource_exhausted,
          "the gateway has all the open runs that it may"};
}

size_t RunIndex::bucket_of(std::string_view run_id) { return sha256(run_id)[0] % Keys::kRunBuckets; }

void RunIndex::put(const std::string& list, const std::string& run_id, Duration in, std::string_view how) {
  run_script(
      messages_, scripts::due_run,
      {{"due", list}, {"id", run_id}, {"in_ms", milliseconds(in)}, {"how", how}, {"kept_ms", kept_ms()}}, {});
}

void RunIndex::look(const std::string& run_id, Duration in, std::string_view how) {
  // After the millisecond in which it is so.
  put(keys_.runs_due(bucket_of(run_id)), run_id, in + 1ms, how);
}

void RunIndex::count(const std::string& run_id, const RunBound& bound, OnCounted done) {
  run_script(messages_, scripts::count_run,
             {{"open", keys_.runs_open(bound.whom)},
              {"kept", keys_.runs_kept(bound.whom)},
              {"bytes", keys_.runs_bytes(bound.whom)},
              {"id", run_id},
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
  run_script(messages_, scripts::count_run,
             {{"open", keys_.runs_open(whom)},
              {"kept", keys_.runs_kept(whom)},
              {"bytes", keys_.runs_bytes(whom)},
              {"id", run_id},
              {"hold_ms", milliseconds(limits_.life + limits_.retention)},
              {"open_most", "0"},
              {"kept_most", "0"},
              {"keys_ms", kept_ms()}},
             {});
}

void RunIndex::uncount(const std::string& run_id, std::string_view whom, Duration kept, uint64_t bytes) {
  run_script(messages_, scripts::uncount_run,
             {{"open", keys_.runs_open(whom)},
              {"kept", keys_.runs_kept(whom)},
              {"bytes", keys_.runs_bytes(whom)},
              {"id", run_id},
              {"kept_ms", milliseconds(kept)},
              {"size", std::to_string(bytes)}},
             {});
}

void RunIndex::reserve(const std::string& run_id, const RunBound& bound, uint64_t needed,
                       std::function<void(const Result<Reserved>&)> done) {
  const uint64_t more = std::clamp<uint64_t>(bound.bytes_most / kSteps, 1, kStepMost);
  run_script(messages_, scripts::reserve_run,
             {{"open", keys_.runs_open(bound.whom)},
              {"kept", keys_.runs_kept(bound.whom)},
              {"bytes", keys_.runs_bytes(bound.whom)},
              {"id", run_id},
              {"needed", std::to_string(needed)},
              {"wanted", std::to_string(needed + more)},
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
  run_script(messages_, scripts::name_run,
             {{"name", keys_.thread(digest)},
              {"id", run_id},
              {"instead_of", "*"},
              {"ms", milliseconds(limits_.life + limits_.retention)}},
             [done = std::move(done)](const Result<Reply>&) { done(); });
}

void RunIndex::name_asked(const std::string& run_id, const std::string& digest, std::string_view instead_of,
                          std::function<void(Result<std::string>)> done) {
  run_script(messages_, scripts::name_run,
             {{"name", keys_.run_asked(digest)},
              {"id", run_id},
              {"instead_of", instead_of},
              {"ms", milliseconds(limits_.life)}},
             [done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               done(std::string(reply->text()));
             });
}

void RunIndex::unname(const std::string& run_id, const std::string& name, Duration kept) {
  run_script(messages_, scripts::unname_run, {{"name", name}, {"id", run_id}, {"ms", milliseconds(kept)}},
             {});
}

void RunIndex::made(const std::string& run_id, std::string_view user, std::string_view realm) {
  put(keys_.runs(), run_id, 0ms, "NX");
  count(run_id, kAll);
  if (!user.empty()) count(run_id, user);
  if (!realm.empty()) count(run_id, of_realm(std::string(realm)).whom);
}

void RunIndex::end_names(const std::string& run_id, const RunCounted& counted, Duration kept) {
  uncount(run_id, kAll, kept, counted.bytes);
  if (!counted.user.empty()) uncount(run_id, counted.user, kept, counted.bytes);
  if (!counted.realm.empty()) uncount(run_id, of_realm(counted.realm).whom, kept, counted.bytes);
  if (!counted.thread.empty()) unname(run_id, keys_.thread(counted.thread), kept);
  if (!counted.asked.empty()) unname(run_id, keys_.run_asked(counted.asked), 0ms);
}

void RunIndex::over(const std::string& run_id, const RunCounted& counted) {
  end_names(run_id, counted, std::max<Duration>(counted.kept, 1ms));
  // Last, so that who finds this undone does all of it again.
  look_at(run_id, counted.kept);
}

void RunIndex::removed(const std::string& run_id, const RunCounted& counted) {
  end_names(run_id, counted, 0ms);
  gone(run_id);
}

void RunIndex::gone(const std::string& run_id) {
  messages_.command({"ZREM", keys_.runs(), run_id}, {});
  messages_.command({"ZREM", keys_.runs_due(bucket_of(run_id)), run_id}, {});
}

}  // namespace gw::redis
