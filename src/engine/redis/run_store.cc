#include "engine/redis/run_store.h"

#include "base/log.h"
#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

constexpr Duration kTidyEvery = 1s;
constexpr int kClaimTriesMax = 3;

}  // namespace

RunStore::RunStore(const Parts& parts, const RunStoreOptions& options)
    : parts_(parts),
      options_(options),
      index_(parts.places, options_.limits),
      calls_({parts.loop, parts.places, parts.channels}, options_),
      removals_(calls_, index_),
      maker_({parts.loop, parts.places, calls_, index_, removals_}),
      pushes_({parts.places, index_}),
      replicas_({parts.loop, parts.places, parts.channels}, options.limits.cache_bytes),
      reaper_({parts.loop, parts.places, calls_, index_},
              [this](WallTime now) { replicas_.heard_clock(now); }),
      appends_(
          {parts.loop, calls_, index_},
          {.on_alive = [this](const std::string& run_id, Duration lease) { reaper_.watch(run_id, lease); },
           .on_ended = [this](const std::string& run_id, RunStatus status,
                              const RunCounted& counted) { ended(run_id, status, counted); }}),
      streams_({parts.loop, parts.places, calls_, index_, removals_}) {}

void RunStore::tick(TimePoint now) {
  calls_.tick();
  replicas_.tick(now);
  reaper_.tick(now);
  appends_.trim(now);
  if (now - tidied_at_ < kTidyEvery) return;
  tidied_at_ = now;
  maker_.tick(now);
  appends_.tick(now);
  streams_.tick(now);
}

void RunStore::ended(const std::string& run_id, RunStatus status, const RunCounted& counted) {
  reaper_.forget(run_id);
  reaper_.count_end(run_id, status, counted);
  index_.over(run_id, counted);
  if (log::enabled(log::Level::debug)) reaper_.log_end(run_id);
}

void RunStore::create(NewRun run, RunDone<RunCreated> done) {
  const bool claims = run.claim.has_value();
  const auto pushed = run.push ? std::optional(RunPushed{run.run_id, run.audience}) : std::nullopt;
  done = counting(std::move(done));
  maker_.create(std::move(run),
                [this, claims, pushed, done = std::move(done)](RunResult<RunCreated> created) mutable {
                  if (created && !created->existed && claims) ++stats_.claims_total;
                  if (!created || !pushed) return done(std::move(created));
                  // Again when it existed: whoever made it may have got no answer before this was done.
                  pushes_.push(*pushed, [created, done = std::move(done)](const Result<void>& told) {
                    if (!told) return done(unavailable(told.error()));
                    done(created);
                  });
                });
}

void RunStore::withdraw(const std::string& run_id) {
  removals_.remove(run_id, {}, [this, run_id](const RunResult<RunCounted>& removed) {
    if (removed) reaper_.forget(run_id);
  });
}

// --- What owners ask --------------------------------------------------------------------------------------

void RunStore::append(const std::string& run_id, const RunReach& reach, RunAppend append,
                      RunDone<RunAppended> done) {
  done = counting(std::move(done));
  if (append.end && (append.end->status == RunStatus::abandoned || !is_over(append.end->status))) {
    return done(refuse(RunErrc::invalid_argument, "an owner ends a run completed, failed or cancelled"));
  }
  if (parts_.places.of(run_id).messages.is_full())
    return done(refuse(RunErrc::unavailable, "Redis takes no more now"));
  appends_.append(run_id, reach, std::move(append), std::move(done));
}

void RunStore::heartbeat(const std::string& run_id, const RunReach& reach, RunHeartbeat heartbeat,
                         RunDone<RunBeat> done) {
  done = counting(std::move(done));
  calls_.beat(run_id, reach, heartbeat,
              [this, run_id, done = std::move(done)](const Result<RunAnswer>& answer) {
                if (!answer) return done(unavailable(answer.error()));
                if (answer->code() != "beat") return done(answer->refusal());
                const RunAnswer::State state = answer->state();
                const RunTop& top = state.top;
                reaper_.watch(run_id, state.lease);
                done(RunBeat{top.status, top.pos, top.hash, state.cancel_requested, state.lease});
              });
}

// --- Claims -----------------------------------------------------------------------------------------------

struct RunStore::Claiming {
  std::string run_id;
  RunReach reach;
  RunClaim claim;
  RunDone<RunClaimed> done;
  bool counts = false;  // for its realm, since just now
  int tries = 0;
};

void RunStore::claim(const std::string& run_id, const RunReach& reach, RunClaim claim,
                     RunDone<RunClaimed> done) {
  const auto claiming = std::make_shared<Claiming>();
  claiming->run_id = run_id;
  claiming->reach = reach;
  claiming->claim = std::move(claim);
  claiming->done = counting(std::move(done));
  RunClaim& asked = claiming->claim;
  asked.epoch_known = std::max(asked.epoch_known, replicas_.epoch_known(run_id));
  index_.look_by(run_id, asked.lease);
  if (asked.realm.empty()) return look_at_log(claiming);
  calls_.read(run_id, kNoLog, [this, claiming](const RunResult<StoredRun>& stored) {
    if (!stored) return claiming->done(stored.error());
    const RunRecord& run = stored->record;
    if (!reaches(claiming->reach, run)) return claiming->done(run_not_found());
    if (!run.realm.empty() || is_over(run.status)) return look_at_log(claiming);
    count_for_realm(claiming, top_of(*stored));
  });
}

// It would be one more of the realm, whose oldest that are over give it their place.
void RunStore::count_for_realm(const std::shared_ptr<Claiming>& claiming, const RunTop& top) {
  const RunBound bound = index_.of_realm(claiming->claim.realm);
  index_.count(claiming->run_id, bound,
               [this, claiming, bound, top](const Result<RunIndex::Counted>& counted) {
                 if (!counted) return claiming->done(unavailable(counted.error()));
                 removals_.remove(counted->over);
                 if (counted->is_full) {
                   RunRefusal refusal = refuse(bound.refusal, bound.detail);
                   refusal.run = top;
                   return claiming->done(refusal);
                 }
                 claiming->counts = counted->is_new;
                 look_at_log(claiming);
               });
}

// Where a claim cuts it, this process says what the hash is there: Redis would have to fold it byte by byte.
void RunStore::look_at_log(const std::shared_ptr<Claiming>& claiming) {
  // Asked again, it ends a framed run: that one's log has to be known.
  if (!claiming->claim.keep && claiming->tries == 0) return ask(claiming, nullptr);
  const Run* const known = replicas_.known(claiming->run_id);
  if (known && claiming->tries == 0) return ask(claiming, known);
  replicas_.find(claiming->run_id, [this, claiming](const RunResult<const Run*>& run) {
    if (run) return ask(claiming, *run);
    uncount(*claiming);
    claiming->done(run.error());
  });
}

void RunStore::ask(const std::shared_ptr<Claiming>& claiming, const Run* log) {
  const bool is_cut = log && is_framed(log->record.format) && claiming->claim.keep.value_or(0) > 0;
  if (is_cut && reaches(claiming->reach, log->record)) {
    uncount(*claiming);
    // What is known here may be old.
    return calls_.read(claiming->run_id, kNoLog, [claiming](const RunResult<StoredRun>& stored) {
      if (!stored) return claiming->done(stored.error());
      RunRefusal refusal = refuse(RunErrc::invalid_argument, run::kNoCut);
      refusal.run = top_of(*stored);
      claiming->done(refusal);
    });
  }
  calls_.claim(claiming->run_id, claiming->reach, claiming->claim, log,
               [this, claiming](const Result<RunAnswer>& answer) {
                 if (!answer) return claiming->done(unavailable(answer.error()));
                 if (answer->code() == "again" && ++claiming->tries < kClaimTriesMax)
                   return look_at_log(claiming);
                 on_claimed(claiming, *answer);
               });
}

void RunStore::on_claimed(const std::shared_ptr<Claiming>& claiming, const RunAnswer& answer) {
  const std::string& run_id = claiming->run_id;
  const RunClaim& claim = claiming->claim;
  const bool is_repeated = answer.code() == "repeated";
  if (!is_repeated && answer.code() != "claimed") {
    uncount(*claiming);
    const bool ended_here = answer.code() == "ended" && answer.reply.size() > RunAnswer::kFirst;
    if (ended_here) ended(run_id, answer.top().status, answer.counted(0));
    return claiming->done(answer.refusal());
  }
  const RunAnswer::State state = answer.state();
  const RunTop& top = state.top;
  const Duration lease = state.lease;
  if (!is_repeated) {
    ++stats_.claims_total;
    if (answer.text(0) != claim.realm) {
      uncount(*claiming);
    } else if (!claim.realm.empty()) {
      index_.count(run_id, index_.of_realm(claim.realm).whom);
    }
    const bool is_cut = claim.keep.has_value();
    appends_.claimed(run_id, is_cut ? std::optional(top.pos) : std::nullopt, std::string(answer.text(1)),
                     std::string(answer.text(0)));
    reaper_.watch(run_id, lease);
  }
  claiming->done(RunClaimed{top.epoch, top.pos, top.hash, lease, top.status, is_repeated});
}

void RunStore::uncount(const Claiming& claiming) {
  if (claiming.counts) index_.uncount(claiming.run_id, index_.of_realm(claiming.claim.realm).whom, 0ms);
}

// --- Ends -------------------------------------------------------------------------------------------------

void RunStore::cancel(const std::string& run_id, const RunReach& reach, std::string reason,
                      RunDone<RunCancelled> done) {
  done = counting(std::move(done));
  index_.look_by(run_id, options_.limits.cancel_grace);
  calls_.settle(run_id, reach, RunCalls::Settle::cancel, reason,
                [this, run_id, done = std::move(done)](const Result<RunAnswer>& answer) {
                  if (!answer) return done(unavailable(answer.error()));
                  const std::string_view code = answer->code();
                  if (code == "over") return done(RunCancelled::ended);
                  if (code == "already") return done(RunCancelled::already);
                  if (code != "asked") return done(answer->refusal());
                  if (answer->reply.size() > RunAnswer::kFirst)
                    ended(run_id, answer->top().status, answer->counted(0));
                  done(RunCancelled::asked);
                });
}

void RunStore::remove(const std::string& run_id, const RunReach& reach, RunDone<void> done) {
  done = counting(std::move(done));
  removals_.remove(run_id, reach,
                   [this, run_id, done = std::move(done)](const RunResult<RunCounted>& removed) {
                     if (!removed) return done(removed.error());
                     reaper_.forget(run_id);
                     reaper_.tell_end(run_id, *removed);
                     done({});
                   });
}

}  // namespace gw::redis
