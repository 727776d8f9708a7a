#include "engine/memory/run_store.h"

#include <algorithm>

#include "core/run/plain_stream_machine.h"

namespace gw::memory {
namespace {

RunRefusal refuse(RunErrc code, std::string detail) {
  RunRefusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  return refusal;
}

RunRefusal refuse(const Run& run, RunErrc code, std::string detail) {
  RunRefusal refusal = refuse(code, std::move(detail));
  refusal.run = top_of(run);
  return refusal;
}

RunRefusal not_found() { return refuse(RunErrc::not_found, "no such run"); }

bool matches(const RunFilter& filter, const RunRecord& run) {
  return reaches(filter.reach, run) && (!filter.channel || *filter.channel == run.channel) &&
         (filter.thread_id.empty() || filter.thread_id == run.thread_id) &&
         (!filter.status || *filter.status == run.status);
}

}  // namespace

RunStore::RunStore(EventLoop& loop, const ChannelTable& channels, const RunStoreOptions& options)
    : loop_(loop),
      channels_(channels),
      options_(options),
      appends_limit_{options.limits.appends_per_second, options.limits.appends_burst},
      made_({options.limits.made_per_second, options.limits.made_burst}) {}

template <class T>
void RunStore::answer(const RunDone<T>& done, RunResult<T> result) {
  if (!result) ++stats_.refusals_total;
  done(std::move(result));
}

RunStore::Ptr RunStore::look_up(std::string_view run_id) const {
  const auto found = runs_.find(run_id);
  return found == runs_.end() ? nullptr : *found;
}

RunStore::Ptr RunStore::look_up(const std::string& run_id, const RunReach& reach) const {
  const Ptr kept = look_up(run_id);
  return kept && reaches(reach, kept->run.record) ? kept : nullptr;
}

// --- Making one -------------------------------------------------------------------------------------------

void RunStore::create(NewRun asked, RunDone<RunCreated> done) {
  const WallTime now = wake();
  if (const auto existing = answer_as_existing(asked)) return answer(done, *existing);
  const Joining owners =
      joining(asked.audience, asked.asked_by, asked.claim ? asked.claim->realm : std::string());
  if (const auto refusal = refuse_new(asked, owners)) return answer<RunCreated>(done, *refusal);
  Run run = run::make(asked, options_.limits, now);
  run::Changes changes;
  RunCreated created;
  if (asked.claim) {
    const auto claimed = run::claim(run, *asked.claim, options_.ack_wait, now, changes);
    if (!claimed) return answer<RunCreated>(done, claimed.error());
    created.claimed = *claimed;
    ++stats_.claims_total;
  }
  insert(asked, std::move(run), std::move(changes));
  if (asked.push) on_pushed_({asked.run_id, asked.audience});
  done(created);
}

std::optional<RunResult<RunCreated>> RunStore::answer_as_existing(const NewRun& asked) const {
  if (const Ptr kept = look_up(asked.run_id)) {
    const RunRecord& run = kept->run.record;
    if (!asked.claim || asked.claim->token.empty() || asked.claim->token != run.shown->token)
      return refuse(RunErrc::exists, "there is a run of that id");
    return RunCreated{true, {}, run::claim_again(kept->run)};
  }
  const auto asked_before = asked.asked_as.empty() ? asked_.end() : asked_.find(asked.asked_as);
  if (asked_before != asked_.end()) return RunCreated{true, asked_before->second->run.record.run_id, {}};
  return {};
}

std::optional<RunRefusal> RunStore::refuse_new(const NewRun& asked, const Joining& owners) {
  if (stopped_) return refuse(RunErrc::unavailable, "the gateway stops");
  if (auto refusal = run::refuse_head(asked, options_.limits)) return refusal;
  if (!asked.claim && !owners.user.empty()) {
    if (const Duration wait = made_.take(owners.user, loop_.now()); wait > Duration()) {
      RunRefusal refusal = refuse(RunErrc::too_many_runs, "the user makes runs too fast");
      refusal.retry_after = wait;
      return refusal;
    }
  }
  if (auto refusal = refuse_open(owners)) return refusal;
  if (auto refusal = make_place(owners)) return refusal;
  return make_room(bounds_of(owners), 1 + run::head_of(asked).size());
}

void RunStore::insert(const NewRun& asked, Run run, run::Changes changes) {
  const Ptr kept(new KeptRun(std::move(run), ++numbers_, appends_limit_, loop_.now()));
  const Joining owners = joining(asked.audience, asked.asked_by, {});  // its realm joins with the first count
  kept->owners = {users_.open(owners.user), nullptr, owners.is_strangers};
  runs_.insert(kept);
  by_number_.insert(*kept);
  const std::string thread = thread_of(asked.audience, asked.channel, asked.thread_id);
  if (!thread.empty()) threads_[thread].emplace(kept->number, kept.get());
  if (!asked.asked_as.empty()) {
    const auto [place, is_first] = asked_.emplace(asked.asked_as, kept.get());
    if (is_first) kept->asked_as = &place->first;
  }
  if (asked.push) pushed_[asked.audience.person()].emplace(kept->number, kept.get());
  for_each_account(*kept, [](RunAccount& account) { ++account.kept; });
  changed(kept, std::move(changes));
}

std::string RunStore::thread_of(const RunAudience& audience, ChannelIndex channel,
                                std::string_view thread_id) const {
  if (thread_id.empty() || !audience.has_thread(thread_id)) return {};
  return audience.text(channels_.name(channel)).append("\n").append(thread_id);
}

void RunStore::withdraw(const std::string& run_id) {
  wake();
  if (const Ptr kept = look_up(run_id)) drop(kept);
}

// --- What agents ask --------------------------------------------------------------------------------------

void RunStore::claim(const std::string& run_id, const RunReach& reach, RunClaim claim,
                     RunDone<RunClaimed> done) {
  const WallTime now = wake();
  Ptr kept = look_up(run_id, reach);
  if (!kept) return answer<RunClaimed>(done, not_found());
  if (!kept->owners.realm && !is_over(kept->run.record.status) && !claim.realm.empty()) {
    const Joining joined{{}, false, claim.realm, true};
    auto refusal = refuse_open(joined);
    // What goes to make place is heard of, and whoever hears may have removed this one.
    if (!refusal) refusal = make_place(joined);
    kept = look_up(run_id, reach);
    if (!kept) return answer<RunClaimed>(done, not_found());
    if (refusal) return answer<RunClaimed>(done, refuse(kept->run, refusal->code, refusal->detail));
  }
  run::Changes changes;
  const auto claimed = run::claim(kept->run, claim, options_.ack_wait, now, changes);
  if (claimed && !claimed->repeated) ++stats_.claims_total;
  changed(kept, std::move(changes));
  answer(done, claimed);
}

void RunStore::append(const std::string& run_id, const RunReach& reach, RunAppend append,
                      RunDone<RunAppended> done) {
  const WallTime now = wake();
  const Ptr kept = look_up(run_id, reach);
  if (!kept) return answer<RunAppended>(done, not_found());
  if (const auto known = run::answer_without_storing(kept->run, append)) {
    if (*known) ++stats_.duplicates_total;
    return answer(done, *known);
  }
  auto framed = run::frame(kept->run, append);
  if (!framed) return answer<RunAppended>(done, framed.error());
  if (!kept->appends.ready(appends_limit_, loop_.now())) {
    RunRefusal refusal = refuse(kept->run, RunErrc::rate_limited, "the run has too many appends a second");
    refusal.retry_after = kept->appends.ready_at(appends_limit_) - loop_.now();
    return answer<RunAppended>(done, refusal);
  }
  // An end alone is never refused, whatever it adds to a log.
  const size_t size = append.bytes.empty() ? 0 : *framed ? (*framed)->bytes.size() : append.bytes.size();
  if (auto refusal = make_room(bounds_of(kept->owners), size)) {
    refusal->run = top_of(kept->run);
    return answer<RunAppended>(done, *refusal);
  }
  kept->appends.take(appends_limit_, loop_.now());
  run::Changes changes;
  const RunAppended appended = run::store(kept->run, append, std::move(*framed), now, changes);
  ++stats_.appends_total;
  stats_.appended_bytes_total += append.bytes.size();
  changed(kept, std::move(changes));
  done(appended);
}

void RunStore::heartbeat(const std::string& run_id, const RunReach& reach, RunHeartbeat heartbeat,
                         RunDone<RunBeat> done) {
  const WallTime now = wake();
  const Ptr kept = look_up(run_id, reach);
  if (!kept) return answer<RunBeat>(done, not_found());
  answer(done, run::heartbeat(kept->run, heartbeat, now));
}

void RunStore::cancel(const std::string& run_id, const RunReach& reach, std::string reason,
                      RunDone<RunCancelled> done) {
  const WallTime now = wake();
  const Ptr kept = look_up(run_id, reach);
  if (!kept) return answer<RunCancelled>(done, not_found());
  run::Changes changes;
  const RunCancelled cancelled = run::cancel(kept->run, reason, now, changes);
  changed(kept, std::move(changes));
  done(cancelled);
}

void RunStore::remove(const std::string& run_id, const RunReach& reach, RunDone<void> done) {
  wake();
  const Ptr kept = look_up(run_id, reach);
  if (!kept) return answer<void>(done, not_found());
  if (!is_over(kept->run.record.status))
    end(kept, RunStatus::cancelled, {"cancelled", "the run was deleted"});
  drop(kept);
  done({});
}

// --- What is asked of them --------------------------------------------------------------------------------

void RunStore::find(const std::string& run_id, const RunReach& reach, RunDone<const Run*> done) {
  const Ptr kept = look_up(run_id, reach);
  if (!kept) return answer<const Run*>(done, not_found());
  done(&kept->run);
}

void RunStore::find_tail(const std::string& run_id, const RunReach& reach,
                         const std::optional<RunCursor>& cursor, RunDone<RunTail> done) {
  const Ptr kept = look_up(run_id, reach);
  if (!kept) return answer<RunTail>(done, not_found());
  const RunLog& log = kept->run.log;
  RunTail tail{
      kept->run.record, top_of(kept->run), {RunResume::Kind::fits, log.size()}, {}, log.is_expired()};
  const bool is_stream{kept->run.record.rare->stream};
  if (cursor) tail.resume = is_stream ? plain_stream::resume(log, cursor) : log.resume(cursor);
  if (!log.is_expired() && cursor) tail.bytes = log.bytes(std::min(tail.resume.pos, log.size()), log.size());
  done(std::move(tail));
}

void RunStore::list(const RunFilter& filter, RunDone<RunList> done) {
  auto it = by_number_.end();
  if (const auto place = parse_run_list_place(filter.after)) {
    it = by_number_.lower_bound(*place, RunsByNumber());
  } else if (!filter.after.empty()) {
    const Ptr after = look_up(filter.after, filter.reach);
    if (!after) return answer<RunList>(done, not_found());
    it = by_number_.iterator_to(*after);
  }
  RunList list;
  size_t looks = 0;
  for (; it != by_number_.begin() && list.runs.size() < filter.limit; ++looks) {
    if (looks == options_.limits.list_looks) {
      list.after = run_list_place(it->number);
      return done(std::move(list));
    }
    --it;
    if (matches(filter, it->run.record)) list.runs.push_back(it->run.record);
  }
  if (list.runs.size() == filter.limit) list.after = list.runs.back().run_id;
  done(std::move(list));
}

void RunStore::find_thread(const RunAudience& audience, ChannelIndex channel, std::string_view thread_id,
                           RunDone<std::string> done) {
  const auto found = threads_.find(thread_of(audience, channel, thread_id));
  if (found == threads_.end()) return answer<std::string>(done, not_found());
  done(std::string(found->second.rbegin()->second->run.record.run_id));
}

void RunStore::find_pushed(const RunAudience& audience, RunDone<std::vector<std::string>> done) {
  std::vector<std::string> run_ids;
  if (const auto found = pushed_.find(audience.person()); found != pushed_.end()) {
    const auto& runs = found->second;
    for (auto it = runs.rbegin(); it != runs.rend() && run_ids.size() < kPushedMost; ++it)
      run_ids.push_back(it->second->run.record.run_id);
  }
  done(std::move(run_ids));
}

RunReading RunStore::read(const std::string& run_id, std::weak_ptr<RunReader> reader,
                          RunDone<const Run*> done) {
  const Ptr kept = look_up(run_id);
  if (!kept) {
    answer<const Run*>(done, not_found());
    return {};
  }
  const uint64_t id = ++numbers_;
  kept->readers.make().push_back({id, std::move(reader), kept->changes_total});
  readings_.emplace(id, kept);
  RunReading reading(*this, id);
  done(&kept->run);
  return reading;
}

RunStats RunStore::stats() const {
  RunStats stats = stats_;
  stats.open = instance_.open;
  stats.kept = instance_.kept;
  stats.bytes = instance_.bytes;
  stats.readers = readings_.size();
  return stats;
}

}  // namespace gw::memory
