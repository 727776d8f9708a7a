#include "engine/redis/run_maker.h"

#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

// Another instance makes the run that was asked for: it is there soon, or that instance has died.
constexpr Duration kAskAgainAfter = 100ms;
constexpr int kAskTriesMax = 10;

}  // namespace

void RunMaker::create(NewRun run, RunDone<RunCreated> done) {
  const auto making = std::make_shared<Making>();
  making->user = run_user(run.audience, run.asked_by);
  making->asked = asked_digest(run.asked_as);
  making->head_bytes = run::head_of(run).size();
  making->refusal = run::refuse_head(run, parts_.calls.options().limits);
  making->run = std::move(run);
  making->done = std::move(done);
  // Too fast: then only what was asked for before is looked for, and nothing counted.
  take_rate(*making, false);
  if (making->refusal && making->asked.empty()) return making->done(*making->refusal);
  count(making);
}

// Refuses it where the user makes runs too fast.
void RunMaker::take_rate(Making& making, bool take) {
  const RunLimits& limits = parts_.calls.options().limits;
  const std::string& user = making.user;
  if (making.refusal || making.run.claim || user.empty() || user == kStranger || limits.made_per_second <= 0)
    return;
  const RateLimit limit{limits.made_per_second, limits.made_burst};
  const TimePoint now = parts_.loop.now();
  TokenBucket& bucket = made_.try_emplace(user, limit, now).first->second;
  if (bucket.ready(limit, now)) {
    if (take) bucket.take(limit, now);
    return;
  }
  making.refusal = refuse(RunErrc::too_many_runs, "the user makes runs too fast");
  making.refusal->retry_after = bucket.ready_at(limit) - now;
}

void RunMaker::tick(TimePoint now) {
  const RunLimits& limits = parts_.calls.options().limits;
  const RateLimit full{limits.made_per_second, 1};
  // Whose bucket has filled up again is as new.
  const auto fills = std::chrono::duration<double>(limits.made_burst / limits.made_per_second);
  std::erase_if(made_, [&](const auto& one) { return now - one.second.ready_at(full) > fills; });
}

// --- Counting it ------------------------------------------------------------------------------------------

void RunMaker::count(const Ptr& making) {
  const RunIndex& index = parts_.index;
  if (!making->refusal) {
    making->bounds = index.bounds_of(making->user, making->run.claim ? making->run.claim->realm : "");
    making->bounds.push_back(index.of_all());
  }
  making->is_new.resize(making->bounds.size());
  making->waits = making->bounds.size() + (making->asked.empty() ? 0 : 1);
  for (size_t i = 0; i < making->bounds.size(); ++i) {
    parts_.index.count(making->run.run_id, making->bounds[i],
                       [this, making, i](const Result<RunIndex::Counted>& counted) {
                         if (counted) {
                           take_count(making, i, *counted);
                         } else {
                           making->refusal = unavailable(counted.error());
                         }
                         on_counted(making);
                       });
  }
  if (!making->asked.empty()) ask(making, {});
}

void RunMaker::take_count(const Ptr& making, size_t i, const RunIndex::Counted& counted) {
  const RunBound& bound = making->bounds[i];
  if (counted.is_full) making->refusal = refuse(bound.refusal, bound.detail);
  making->is_new[i] = counted.is_new;
  parts_.removals.remove(counted.over);
  if (!counted.is_new || bound.bytes_most == 0) return;
  // Where no byte of its answer has room, nobody needs to be asked.
  ++making->waits;
  parts_.index.reserve(making->run.run_id, bound, 1 + making->head_bytes,
                       [this, making, i](const Result<RunIndex::Reserved>& reserved) {
                         const RunBound& of = making->bounds[i];
                         if (!reserved) {
                           making->refusal = unavailable(reserved.error());
                         } else if (reserved->bytes == 0) {
                           making->refusal = refuse(of.refusal, "the runs have all the bytes that they may");
                         }
                         if (reserved) parts_.calls.expire(reserved->expired);
                         on_counted(making);
                       });
}

void RunMaker::ask(const Ptr& making, std::string_view instead_of) {
  parts_.index.name_asked(making->run.run_id, making->asked, instead_of,
                          [this, making](const Result<std::string>& named) {
                            if (named) {
                              making->asked_run = *named;
                            } else {
                              making->refusal = unavailable(named.error());
                            }
                            on_counted(making);
                          });
}

void RunMaker::on_counted(const Ptr& making) {
  if (--making->waits > 0) return;
  if (!making->asked_run.empty() && making->asked_run != making->run.run_id) return look_at_asked(making);
  if (!making->refusal) take_rate(*making, true);
  if (making->refusal) return refuse_with(making, *making->refusal);
  write(making);
}

// --- Once for what was asked ------------------------------------------------------------------------------

void RunMaker::look_at_asked(const Ptr& making) {
  const RunPlace& place = parts_.places.of(making->asked_run);
  place.messages.command({"HGET", place.keys.run(making->asked_run), "state"},
                         [this, making](const Result<Reply>& state) {
                           if (!state) return refuse_with(making, unavailable(state.error()));
                           on_asked_status(making, parse_stored_status(state->text()));
                         });
}

void RunMaker::on_asked_status(const Ptr& making, std::optional<RunStatus> known) {
  if (known && !is_over(*known)) {
    uncount(*making);
    return making->done(RunCreated{true, making->asked_run, {}});
  }
  if (!known && ++making->tries < kAskTriesMax) {
    making->again = parts_.loop.after(kAskAgainAfter, [this, making] { look_at_asked(making); });
    return;
  }
  // That one is over, or was never made.
  making->waits = 1;
  const std::string over = std::exchange(making->asked_run, {});
  ask(making, over);
}

// --- Writing it -------------------------------------------------------------------------------------------

void RunMaker::write(const Ptr& making) {
  const NewRun& run = making->run;
  parts_.index.look_by(run.run_id,
                       run.claim ? run.claim->lease : parts_.calls.options().limits.start_timeout);
  parts_.calls.make(run, [this, making](const Result<RunAnswer>& answer) {
    // It may be there; then it is found when it is due.
    if (!answer) return making->done(unavailable(answer.error()));
    on_written(making, *answer);
  });
}

void RunMaker::on_written(const Ptr& making, const RunAnswer& answer) {
  const std::string_view code = answer.code();
  // What was asked for may be that one, and what was counted be for it, if both were asked for at once: else
  // it counts for RunIndex::kHold.
  if (code == "exists") return making->done(refuse(RunErrc::exists, "there is a run of that id"));
  if (code == "removed")
    return refuse_with(
        making, refuse(RunErrc::unavailable, "the run of that id is just being deleted; say it again"));
  RunCreated created;
  if (making->run.claim) {
    const RunAnswer::State state = answer.state();
    const RunTop& top = state.top;
    created.claimed = {top.epoch, top.pos, top.hash, state.lease, top.status, code == "repeated"};
  }
  if (code == "repeated") {
    created.existed = true;
    return making->done(created);
  }
  on_made(making, created);
}

void RunMaker::on_made(const Ptr& making, RunCreated created) {
  const NewRun& run = making->run;
  RunIndex& index = parts_.index;
  index.made(run.run_id, making->user, run.claim ? run.claim->realm : std::string());
  if (run.claim) {
    index.look_by(run.run_id, run.claim->lease + parts_.calls.takeover_of(*run.claim));
  } else {
    index.look_by(run.run_id, parts_.calls.options().limits.start_timeout);
  }
  const std::string thread =
      thread_digest(run.audience, parts_.calls.channel_name(run.channel), run.thread_id);
  if (thread.empty()) return making->done(created);
  index.name_thread(run.run_id, thread, [making, created] { making->done(created); });
}

// --- Or not -----------------------------------------------------------------------------------------------

void RunMaker::uncount(const Making& making) {
  for (size_t i = 0; i < making.bounds.size(); ++i) {
    if (making.is_new[i]) parts_.index.uncount(making.run.run_id, making.bounds[i].whom, 0ms);
  }
}

void RunMaker::refuse_with(const Ptr& making, const RunRefusal& refusal) {
  uncount(*making);
  if (!making->asked.empty()) parts_.index.unname_asked(making->run.run_id, making->asked);
  making->done(refusal);
}

}  // namespace gw::redis
