#include "engine/redis/run_calls.h"

#include "base/hex.h"
#include "core/run/run_machine.h"
#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

// Later than that after the last look: this process stood still.
constexpr Duration kLate = 1s;
// At the log of a framed run, while others write to it.
constexpr int kLooksMax = 3;

OnReply answered(RunCalls::OnAnswer done) {
  return [done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    done(RunAnswer(*reply));
  };
}

// Each between blanks; empty: all.
std::string names_of(ChannelSet set, const ChannelTable& channels) {
  if (set == ChannelSet::all()) return {};
  std::string out = " ";
  for (size_t i = 0; i < channels.size(); ++i) {
    if (set.contains(static_cast<ChannelIndex>(i))) out.append(channels.names()[i]).append(" ");
  }
  return out;
}

bool may_keep(const Run& run, uint64_t keep) {
  const RunLog& log = run.log;
  if (keep == 0 || keep >= log.bytes_here()) return keep <= log.bytes_here();
  return has_lines(run.record.format) ? log.ends_line(keep) : !log.is_inside_character(keep);
}

// Of what a claim leaves of it.
RunHash kept_hash(const Run* run, const RunClaim& claim) {
  const uint64_t keep = claim.keep.value_or(0);
  if (!run || run->log.is_expired() || keep > top_of(*run).pos) return {};
  return run->log.hash_at(keep);
}

// error_code, error_message, result: views into it.
std::vector<std::string_view> end_of(const RunAppend& append) {
  if (!append.end) return {};
  const RunEnd& end = *append.end;
  return {end.error ? end.error->code : std::string_view(),
          end.error ? end.error->message : std::string_view(), end.result};
}

// What a claim says of a run that it makes.
struct Making {
  std::string head, retention_ms;
  Words fields;
};
Making making_of(const NewRun* made, const RunLimits& limits, const ChannelTable& channels) {
  const Duration asked = made ? made->retention : Duration();
  Making making;
  making.retention_ms = milliseconds(asked != Duration() ? asked : limits.retention);
  if (!made) return making;
  making.head = run::head_of(*made);
  append_run_fields(making.fields, *made, limits, channels);
  return making;
}

std::string_view flag(bool value) { return value ? "1" : "0"; }
std::string text_of(uint64_t number) { return std::to_string(number); }

}  // namespace

void RunAwake::tick() {
  const TimePoint now = loop_.now();
  if (now - std::exchange(looked_at_, now) > kLate && since_ != TimePoint::max()) since_ = now;
}

std::chrono::milliseconds RunAwake::time() const {
  if (since_ == TimePoint::max()) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - since_);
}

Duration RunCalls::takeover_of(const RunClaim& claim) const {
  if (claim.takeover) return *claim.takeover;
  return claim.group.empty() ? Duration() : options_.ack_wait + 5s;
}

void RunCalls::claim(const std::string& run_id, const RunReach& reach, const RunClaim& claim, const Run* log,
                     OnAnswer done) {
  this->claim(run_id, reach, claim, log, nullptr, std::move(done));
}

void RunCalls::make(const NewRun& run, OnAnswer done) {
  claim(run.run_id, {}, run.claim.value_or(RunClaim()), nullptr, &run, std::move(done));
}

void RunCalls::claim(const std::string& run_id, const RunReach& reach, const RunClaim& claim, const Run* log,
                     const NewRun* made, OnAnswer done) {
  const RunTop top = log ? top_of(*log) : RunTop();
  const RunHash kept = kept_hash(log, claim);
  const Making making = making_of(made, options_.limits, parts_.channels);
  const RunFrames frames = log ? RunFrames::openings(*log, claim) : RunFrames();
  const RunPlace& place = parts_.places.of(run_id);
  run_script(place.messages, scripts::claim_run,
             {{"run", place.keys.run(run_id)},
              {"log", place.keys.run_log(run_id)},
              {"removed", place.keys.run_removed(run_id)},
              {"makes", flag(made != nullptr)},
              {"claims", flag(!made || made->claim)},
              {"changes", place.keys.run_changes(run_id)},
              {"channels", names_of(reach.channels, parts_.channels)},
              {"tenant", reach.tenant_id},
              {"realm", reach.realm},
              {"producer", claim.producer},
              {"token", token_digest(claim.token)},
              {"digest", to_hex(run::digest_of(claim))},
              {"keep", claim.keep ? text_of(*claim.keep) : std::string()},
              {"keep_a", text_of(kept.first)},
              {"keep_b", text_of(kept.second)},
              {"keep_fits", flag(log && may_keep(*log, claim.keep.value_or(0)))},
              {"seen_epoch", log ? text_of(top.epoch) : "-1"},
              {"seen_pos", text_of(top.pos)},
              {"seen_a", text_of(top.hash.first)},
              {"seen_b", text_of(top.hash.second)},
              {"epoch_wanted", claim.epoch ? text_of(*claim.epoch) : std::string()},
              {"known", text_of(claim.epoch_heard())},
              {"force", flag(claim.force)},
              {"lease", milliseconds(claim.lease)},
              {"takeover", milliseconds(takeover_of(claim))},
              {"group", claim.group},
              {"delivery", claim.delivery_id},
              {"of_realm", claim.realm},
              {"awake_ms", awake_ms(place)},
              {"start_ms", milliseconds(options_.limits.start_timeout)},
              {"life_ms", milliseconds(options_.limits.life)},
              {"retention_ms", making.retention_ms},
              {"head", making.head},
              {"head_at", log_at(making.head.size(), RunHash::of(making.head))},
              {"seen", frames.seen()}},
             made ? making.fields.all() : frames.all(), answered(std::move(done)));
}

void RunCalls::append(const std::string& run_id, const StoredRun& as, const RunAppend& append, bool may,
                      OnAnswer done) {
  const RunHash hash = RunHash::of(append.bytes);
  const RunHash power = hash_power(append.bytes.size());
  std::string_view refused;
  if (append.bytes.size() > RunLimits::kAppendBytes)
    refused = "too_large";
  else if (!may)
    refused = "rate_limited";
  const std::vector<std::string_view> end = end_of(append);
  const RunPlace& place = parts_.places.of(run_id);
  run_script(place.messages, scripts::append_run,
             {{"run", place.keys.run(run_id)},
              {"log", place.keys.run_log(run_id)},
              {"changes", place.keys.run_changes(run_id)},
              {"owner", as.owner},
              {"seq", text_of(append.seq)},
              {"digest", to_hex(run::digest_of(append))},
              {"bytes", append.bytes},
              {"hash_a", text_of(hash.first)},
              {"hash_b", text_of(hash.second)},
              {"power_a", text_of(power.first)},
              {"power_b", text_of(power.second)},
              {"bytes_max", text_of(as.record.bytes_max)},
              {"refused", refused},
              {"ending", append.end ? to_string(append.end->status) : std::string_view()}},
             end, answered(std::move(done)));
}

void RunCalls::append(const std::string& run_id, const StoredRun& as, const RunAppend& append,
                      const Framed& framed, OnAnswer done) {
  const RunHash hash = RunHash::of(framed.bytes);
  const RunHash power = hash_power(framed.bytes.size());
  const std::vector<std::string_view> end = end_of(append);
  const RunPlace& place = parts_.places.of(run_id);
  run_script(place.messages, scripts::append_framed_run,
             {{"run", place.keys.run(run_id)},
              {"log", place.keys.run_log(run_id)},
              {"changes", place.keys.run_changes(run_id)},
              {"owner", as.owner},
              {"seq", text_of(append.seq)},
              {"digest", to_hex(run::digest_of(append))},
              {"bytes", framed.bytes},
              {"hash_a", text_of(hash.first)},
              {"hash_b", text_of(hash.second)},
              {"power_a", text_of(power.first)},
              {"power_b", text_of(power.second)},
              // Looked at when it was framed; an end goes beyond.
              {"bytes_max", text_of(kNoLog)},
              {"refused", framed.refused},
              {"ending", append.end ? to_string(append.end->status) : std::string_view()},
              {"seen", framed.seen}},
             end, answered(std::move(done)));
}

void RunCalls::beat(const std::string& run_id, const RunReach& reach, const RunHeartbeat& heartbeat,
                    OnAnswer done) {
  const RunPlace& place = parts_.places.of(run_id);
  run_script(place.messages, scripts::beat_run,
             {{"run", place.keys.run(run_id)},
              {"channels", names_of(reach.channels, parts_.channels)},
              {"tenant", reach.tenant_id},
              {"realm", reach.realm},
              {"producer", heartbeat.producer},
              {"epoch_shown", text_of(heartbeat.epoch)}},
             answered(std::move(done)));
}

struct RunCalls::Settling {
  std::string run_id;
  RunReach reach;
  Settle what;
  std::string reason;
  OnAnswer done;
  int looks = 0;
};

void RunCalls::settle(const std::string& run_id, const RunReach& reach, Settle what, std::string_view reason,
                      OnAnswer done) {
  settle(std::make_shared<Settling>(Settling{run_id, reach, what, std::string(reason), std::move(done)}),
         RunFrames());
}

void RunCalls::settle(const std::shared_ptr<Settling>& settling, const RunFrames& frames) {
  constexpr std::string_view kWhats[] = {"time", "cancel", "remove", "expire", "evict"};
  const std::string& run_id = settling->run_id;
  const RunReach& reach = settling->reach;
  const RunPlace& place = parts_.places.of(run_id);
  run_script(place.messages, scripts::settle_run,
             {{"run", place.keys.run(run_id)},
              {"log", place.keys.run_log(run_id)},
              {"removed", place.keys.run_removed(run_id)},
              {"what", kWhats[static_cast<size_t>(settling->what)]},
              {"changes", place.keys.run_changes(run_id)},
              {"channels", names_of(reach.channels, parts_.channels)},
              {"tenant", reach.tenant_id},
              {"realm", reach.realm},
              {"reason", settling->reason},
              {"awake_ms", awake_ms(place)},
              {"grace_ms", milliseconds(options_.limits.cancel_grace)},
              {"start_ms", milliseconds(options_.limits.start_timeout)},
              {"seen", frames.seen()}},
             frames.all(), answered([this, settling](const Result<RunAnswer>& answer) {
               if (!answer || answer->code() != "again" || settling->looks == kLooksMax)
                 return settling->done(answer);
               ++settling->looks;
               look_at_log(settling);
             }));
}

// What is read is believed: one whose log was lost has to end, too.
void RunCalls::look_at_log(const std::shared_ptr<Settling>& settling) {
  read(settling->run_id, 0, [this, settling](const RunResult<StoredRun>& run) {
    if (!run && run.error().code != RunErrc::not_found)
      return settling->done(Error{Errc::unavailable, run.error().detail});
    if (!run) return settle(settling, RunFrames());
    std::string_view reason = settling->reason;
    if (settling->what == Settle::remove) reason = "the run was deleted";
    if (settling->what == Settle::time) reason = run->record.rare->cancel_reason;
    settle(settling, RunFrames::endings(*run, reason));
  });
}

void RunCalls::read(const std::string& run_id, uint64_t from,
                    std::function<void(RunResult<StoredRun>)> done) {
  read_run({parts_.places.of(run_id), parts_.channels}, run_id, from,
           [done = std::move(done)](Result<std::optional<StoredRun>> stored) {
             if (!stored) return done(unavailable(stored.error()));
             if (!*stored) return done(run_not_found());
             done(std::move(**stored));
           });
}

void RunCalls::expire(const std::vector<std::string>& run_ids) {
  for (const std::string& run_id : run_ids)
    settle(run_id, {}, Settle::expire, {}, [](const Result<RunAnswer>&) {});
}

void RunCalls::trim(const std::string& run_id, uint64_t bytes) {
  const RunPlace& place = parts_.places.of(run_id);
  run_script(place.messages, scripts::trim_log,
             {{"log", place.keys.run_log(run_id)}, {"length", std::to_string(bytes)}},
             [](const Result<Reply>&) {});
}

}  // namespace gw::redis
