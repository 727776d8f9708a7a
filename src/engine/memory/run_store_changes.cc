// What follows a change of a run: its counts and bounds, its due time, its readers.
#include <algorithm>

#include "base/assert.h"
#include "core/run/plain_stream_machine.h"
#include "engine/log_events.h"
#include "engine/memory/run_store.h"

namespace gw::memory {
namespace {

// About what a plain stream remembers of one.
constexpr size_t kProducerBytes = 256;
constexpr int kLooksPerTickMax = 10'000;
// Without a call or a tick for so long the process did not run, or somebody has set the clock.
constexpr Duration kJump = 1s;

}  // namespace

void RunStore::changed(const Ptr& kept, run::Changes changes) {
  count(*kept);
  look_at(*kept, due(*kept));
  for (RunChange& change : changes) news_.push_back({kept, std::move(change), ++kept->changes_total});
  tell();
}

// --- Counts -----------------------------------------------------------------------------------------------

void RunStore::count(KeptRun& kept) {
  if (!kept.owners.realm) count_realm(kept);
  const bool is_open = !is_over(kept.run.record.status);
  const size_t producers = kept.run.record.rare->stream->producers.size();
  const auto bytes = static_cast<uint32_t>(kept.run.log.bytes_here() + producers * kProducerBytes);
  for_each_account(kept, [&](RunAccount& account) {
    account.open += size_t{is_open} - size_t{kept.counted_open};
    account.bytes += size_t{bytes} - kept.counted_bytes;
  });
  kept.counted_open = is_open;
  kept.counted_bytes = bytes;
  if (!is_open && kept.ended_number == 0) count_end(kept);
}

// It counts for the realm that claims it first.
void RunStore::count_realm(KeptRun& kept) {
  RunAccount* const realm = realms_.open(kept.run.record.realm);
  if (!realm) return;
  kept.owners.realm = realm;
  ++realm->kept;
  realm->open += size_t{kept.counted_open};
  realm->bytes += kept.counted_bytes;
}

void RunStore::count_end(KeptRun& kept) {
  kept.ended_number = ++numbers_;
  for_each_account(kept, [&](RunAccount& account) {
    account.over.emplace(kept.ended_number, &kept);
    if (kept.counted_bytes > 0) account.with_bytes.emplace(kept.ended_number, &kept);
  });
  unask(kept);
  end_push(kept);
  const RunRecord& record = kept.run.record;
  if (record.rare->stream) return;  // that it is closed is no end
  ++stats_.ended_total[static_cast<size_t>(record.status)];
  log_run_ended(record);
  const RunRare& rare = *record.rare;
  if (rare.trace)
    on_ended_(record.run_id,
              {channels_.name(record.channel), top_of(kept.run), rare.error ? rare.error->code : "",
               *rare.trace, record.created_at, record.ended_at});
}

// --- Time -------------------------------------------------------------------------------------------------

WallTime RunStore::due(const KeptRun& kept) const {
  const RunRecord& record = kept.run.record;
  return record.rare->stream ? plain_stream::due(record) : run::due(record, options_.limits.cancel_grace);
}

void RunStore::look_at(KeptRun& kept, WallTime when) {
  // Later is told when the entry's time has come: most leases are renewed many times before.
  if (kept.look_at <= when) return;
  due_.erase(kept);
  kept.look_at = when;
  due_.insert(kept);
}

WallTime RunStore::wake() {
  const WallTime now = loop_.wall_now();
  const WallTime before = std::exchange(awake_at_, now).value_or(now);
  if (now - before > kJump || before - now > kJump) {
    for (const Ptr& kept : open_runs()) {
      run::grace(kept->run, options_.limits, now);
      look_at(*kept, due(*kept));
    }
  }
  return now;
}

void RunStore::tick() {
  const WallTime now = wake();
  for (int i = 0; i < kLooksPerTickMax && !due_.empty() && due_.begin()->look_at <= now; ++i) {
    const Ptr kept = look_up(due_.begin()->run.record.run_id);
    due_.erase(due_.begin());
    kept->look_at = WallTime::max();
    const RunRecord& record = kept->run.record;
    const bool is_kept_for_time = is_over(record.status) || record.rare->stream;
    if (is_kept_for_time && due(*kept) <= now) {
      drop(kept);
      continue;
    }
    run::Changes changes;
    if (!is_kept_for_time) run::settle(kept->run, options_.limits.cancel_grace, now, changes);
    changed(kept, std::move(changes));
  }
}

std::vector<RunStore::Ptr> RunStore::open_runs() const {
  std::vector<Ptr> open;
  for (const KeptRun& kept : by_number_) {
    const RunRecord& record = kept.run.record;
    if (!is_over(record.status) && !record.rare->stream) open.push_back(look_up(kept.run.record.run_id));
  }
  return open;
}

// --- Ends -------------------------------------------------------------------------------------------------

void RunStore::stop() {
  stopped_ = true;
  for (const Ptr& kept : open_runs()) {
    // A reader that hears of one end may have ended the next.
    if (is_over(kept->run.record.status)) continue;
    end(kept, RunStatus::abandoned, {"gateway_stopped", "the gateway that had the run was stopped"});
  }
}

void RunStore::end(const Ptr& kept, RunStatus status, RunError error) {
  run::Changes changes;
  run::end(kept->run, status, std::move(error), loop_.wall_now(), changes);
  changed(kept, std::move(changes));
}

void RunStore::drop(const Ptr& kept) {
  if (by_number_.erase(*kept) == 0) return;
  unindex(*kept);
  const RunRecord& record = kept->run.record;
  RunChange removed{RunChange::Kind::removed, record.epoch, kept->run.log.size(), {}};
  news_.push_back({kept, std::move(removed), ++kept->changes_total});
  tell();
}

void RunStore::unindex(KeptRun& kept) {
  for_each_account(kept, [&](RunAccount& account) {
    --account.kept;
    account.open -= size_t{kept.counted_open};
    account.bytes -= kept.counted_bytes;
    account.over.erase(kept.ended_number);
    account.with_bytes.erase(kept.ended_number);
  });
  users_.close(kept.owners.user);
  realms_.close(kept.owners.realm);
  kept.owners = {};
  due_.erase(kept);
  const RunRecord& record = kept.run.record;
  const auto thread = threads_.find(thread_of(record.audience, record.channel, record.thread_id));
  if (thread != threads_.end()) {
    thread->second.erase(kept.number);
    if (thread->second.empty()) threads_.erase(thread);
  }
  unask(kept);
  end_push(kept);
  if (const auto found = runs_.find(std::string_view(record.run_id)); found != runs_.end())
    runs_.erase(found);
}

void RunStore::unask(KeptRun& kept) {
  if (kept.asked_as) asked_.erase(std::string(*std::exchange(kept.asked_as, nullptr)));
}

void RunStore::end_push(KeptRun& kept) {
  if (!kept.run.record.push) return;
  const auto pushed = pushed_.find(kept.run.record.audience.person());
  if (pushed == pushed_.end()) return;
  pushed->second.erase(kept.number);
  if (pushed->second.empty()) pushed_.erase(pushed);
}

// --- Readers ----------------------------------------------------------------------------------------------

// One piece of news after the other, for everybody: what a reader does when it hears of one comes later.
void RunStore::tell() {
  if (std::exchange(telling_, true)) return;
  while (!news_.empty()) {
    const News next = std::move(news_.front());
    news_.pop_front();
    tell(next);
  }
  telling_ = false;
}

void RunStore::tell(const News& news) {
  if (!news.kept->readers) return;
  auto& readers = news.kept->readers.make();
  // By index: whoever is told may make others begin to read.
  for (size_t i = 0; i < readers.size(); ++i) {
    if (readers[i].id == 0 || readers[i].changes_before >= news.number) continue;
    if (const auto reader = readers[i].reader.lock()) reader->on_run_changed(news.kept->run, news.change);
  }
  if (news.change.kind == RunChange::Kind::removed) {
    for (KeptRun::Reader& reader : readers) readings_.erase(std::exchange(reader.id, 0));
  }
  std::erase_if(readers, [](const KeptRun::Reader& reader) { return reader.id == 0; });
}

void RunStore::end_reading(uint64_t id) {
  const auto reading = readings_.find(id);
  if (reading == readings_.end()) return;
  const Ptr kept = reading->second;
  readings_.erase(reading);
  auto& readers = kept->readers.make();
  const auto reader =
      std::find_if(readers.begin(), readers.end(), [&](const KeptRun::Reader& one) { return one.id == id; });
  ASSERT(reader != readers.end());
  if (telling_) {
    reader->id = 0;
  } else {
    readers.erase(reader);
  }
}

const Run* RunStore::run_of_reading(uint64_t id) const {
  const auto reading = readings_.find(id);
  return reading == readings_.end() ? nullptr : &reading->second->run;
}

}  // namespace gw::memory
