#include "engine/redis/run_replicas.h"

#include <algorithm>

#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

// From one look to the next, and the time that its answer takes.
constexpr std::chrono::milliseconds kOwnerShown(2500);

// The plain stream has gone, and there is another of its name.
bool is_another(const Run& run, WallTime created_at) {
  return run.record.rare->stream && run.record.created_at != created_at;
}

}  // namespace

// --- Readers ----------------------------------------------------------------------------------------------

uint64_t RunReplicas::read(const std::string& run_id, std::weak_ptr<RunReader> reader,
                           RunDone<const Run*> done) {
  const uint64_t id = ++last_reading_;
  const auto found = open_.find(run_id);
  if (found == open_.end() && !has_room()) {
    done(refuse(RunErrc::resource_exhausted, "the runs that are read here have all the bytes that they may"));
    return id;
  }
  const Ptr open =
      found == open_.end() ? std::make_shared<Open>(run_id, parts_.places.of(run_id)) : found->second;
  open->readers.push_back(id);
  readings_.emplace(id, Reading{open, std::move(reader), std::move(done)});
  if (found == open_.end()) {
    open_.emplace(run_id, open);
    subscribe(open);
  } else if (open->replica) {
    answer(open);
  }
  return id;
}

void RunReplicas::end_reading(uint64_t id) {
  const auto found = readings_.find(id);
  if (found == readings_.end()) return;
  const Ptr open = found->second.open;
  readings_.erase(found);
  std::erase(open->readers, id);
  open->unread_since = parts_.loop.now();
}

const Run* RunReplicas::run_of_reading(uint64_t id) const {
  const auto found = readings_.find(id);
  if (found == readings_.end() || found->second.done || !is_here(found->second.open)) return nullptr;
  return &found->second.open->replica->run();
}

// To whoever waits for it.
void RunReplicas::answer(const Ptr& open) {
  for (const uint64_t id : std::vector(open->readers)) {
    const auto found = readings_.find(id);
    if (found == readings_.end()) continue;
    const auto done = std::exchange(found->second.done, nullptr);
    if (done) done(&open->replica->run());
  }
}

void RunReplicas::tell(const Ptr& open, const run::Changes& changes) {
  // Whoever comes while others are told has been given all of this already.
  const std::vector<uint64_t> readers = open->readers;
  for (const RunChange& change : changes) {
    if (change.kind == RunChange::Kind::reloaded) ++reloads_;
    for (const uint64_t id : readers) {
      const auto found = readings_.find(id);
      if (found == readings_.end() || found->second.done) continue;
      if (const auto reader = found->second.reader.lock())
        reader->on_run_changed(open->replica->run(), change);
    }
  }
}

void RunReplicas::fail(const Ptr& open, const RunRefusal& refusal) {
  drop(open);
  for (const uint64_t id : std::exchange(open->readers, {})) {
    const auto found = readings_.find(id);
    if (found == readings_.end()) continue;
    const auto done = std::move(found->second.done);
    readings_.erase(found);
    if (done) done(refusal);
  }
}

// --- What Redis says --------------------------------------------------------------------------------------

void RunReplicas::subscribe(const Ptr& open) {
  const std::weak_ptr<Open> weak = open;
  open->place.subscriptions.add(
      open->place.keys.run_changes(open->run_id),
      [this, weak](std::string_view message) {
        if (const Ptr heard = weak.lock()) hear(heard, message);
        return true;
      },
      [this, weak](const Result<void>& added) {
        const Ptr subscribed = weak.lock();
        if (!subscribed || !is_here(subscribed)) return;
        if (!added) return fail(subscribed, unavailable(added.error()));
        load(subscribed, 0);
      });
}

void RunReplicas::hear(const Ptr& open, std::string_view message) {
  if (!open->replica || open->is_reading) {
    open->unheard.emplace_back(message);
    return;
  }
  run::Changes changes;
  const bool heard = open->replica->hear(message, now(), changes);
  count(open);
  // First: what a reader does while it is told comes later.
  if (!heard) load(open, open->replica->next_read());
  tell(open, changes);
}

void RunReplicas::load(const Ptr& open, uint64_t from) {
  open->is_reading = true;
  open->is_behind = false;
  const std::weak_ptr<Open> weak = open;
  read_run(reads(open->run_id), open->run_id, from, [this, weak](Result<std::optional<StoredRun>> read) {
    const Ptr loaded = weak.lock();
    if (loaded && is_here(loaded)) on_loaded(loaded, std::move(read));
  });
}

void RunReplicas::on_loaded(const Ptr& open, Result<std::optional<StoredRun>> read) {
  if (!read) {
    if (!open->replica) return fail(open, unavailable(read.error()));
    // What was said meanwhile is part of what is read next.
    open->is_reading = false;
    open->is_behind = true;
    open->unheard.clear();
    return;
  }
  auto& stored = *read;
  const bool is_first = !open->replica;
  const bool is_gone = !stored || (is_first ? !RunReplica::is_whole(*stored)
                                            : is_another(open->replica->run(), stored->record.created_at));
  if (is_gone) {
    if (is_first) return fail(open, run_not_found());
    run::Changes changes;
    open->replica->go(changes);
    drop(open);
    return tell(open, changes);
  }
  if (!is_first) {
    if (take(open, std::move(*stored))) drain(open);
    return;
  }
  open->replica.emplace(std::move(*stored));
  count(open);
  open->is_reading = false;
  answer(open);
  drain(open);
}

bool RunReplicas::take(const Ptr& open, StoredRun stored) {
  run::Changes changes;
  const auto again = open->replica->catch_up(std::move(stored), changes);
  count(open);
  if (again) {
    load(open, *again);
    return false;
  }
  open->is_reading = false;
  tell(open, changes);
  return true;
}

void RunReplicas::drain(const Ptr& open) {
  while (!open->is_reading && !open->unheard.empty()) {
    const std::string message = std::move(open->unheard.front());
    open->unheard.pop_front();
    hear(open, message);
  }
}

// --- Whether all of that is still so ----------------------------------------------------------------------

void RunReplicas::on_subscribed(size_t place) {
  for (const Ptr& open : all()) {
    if (open->place.index == place && open->replica && !open->is_reading)
      load(open, open->replica->next_read());
  }
}

void RunReplicas::tick(TimePoint now) {
  if (!parts_.places.any_is_up()) return;
  for (const Ptr& open : all()) {
    if (open->place.messages.is_up() && open->replica && !open->is_reading && open->is_behind)
      load(open, open->replica->next_read());
  }
  compare_some(now);
  if (now - dropped_at_ >= kCompareEvery) {
    dropped_at_ = now;
    drop_unread(now);
  }
}

// In the order of their ids, and after a standstill a quarter of them at most: what is asked for ten thousand
// runs at once has no room for anything else on the way to Redis.
void RunReplicas::compare_some(TimePoint now) {
  const Duration since = std::min<Duration>(now - std::exchange(compared_at_, now), kCompareEvery / 4);
  compares_owed_ +=
      static_cast<double>(open_.size()) * (since / std::chrono::duration<double>(kCompareEvery));
  for (; compares_owed_ >= 1 && !open_.empty(); --compares_owed_) {
    auto next = open_.upper_bound(compared_last_);
    if (next == open_.end()) next = open_.begin();
    compared_last_ = next->first;
    const Ptr open = next->second;
    const bool may_ask = open->place.messages.is_up();
    if (may_ask && open->replica && !open->is_reading && !open->is_behind) compare(open);
  }
  if (open_.empty()) compares_owed_ = 0;
}

void RunReplicas::compare(const Ptr& open) {
  const std::weak_ptr<Open> weak = open;
  read_top(reads(open->run_id), open->run_id, [this, weak](const Result<std::optional<StoredTop>>& top) {
    const Ptr compared = weak.lock();
    if (top && compared && is_here(compared)) on_top(compared, *top);
  });
}

void RunReplicas::on_top(const Ptr& open, const std::optional<StoredTop>& top) {
  if (open->is_reading) return;
  // It may only be on its way here; reading it does no harm.
  if (!top || is_another(open->replica->run(), top->created_at) ||
      !open->replica->agrees(top->state.top, top->state.cancel_requested))
    return load(open, open->replica->next_read());
  // Of heartbeats nothing is heard: an owner that is there is taken to be until Redis has been asked again.
  const WallTime lease_until = top->lease_until;
  open->replica->take_times(lease_until > now() ? std::max(lease_until, now() + kOwnerShown) : lease_until,
                            top->state.last_byte_at);
}

// --- How many there are -----------------------------------------------------------------------------------

void RunReplicas::drop(const Ptr& open) {
  if (!is_here(open)) return;
  open_.erase(open->run_id);
  open->is_dropped = true;
  count(open);
  open->place.subscriptions.remove(open->place.keys.run_changes(open->run_id));
}

void RunReplicas::drop_unread(TimePoint now) {
  for (const Ptr& open : all()) {
    if (open->replica && open->readers.empty() && now - open->unread_since >= kUnread) drop(open);
  }
}

bool RunReplicas::has_room() {
  while (bytes() >= bytes_max_) {
    Ptr oldest;
    for (const auto& [id, open] : open_) {
      const bool may_go = open->replica && open->readers.empty();
      if (may_go && (!oldest || open->unread_since < oldest->unread_since)) oldest = open;
    }
    if (!oldest) return false;
    drop(oldest);
  }
  return true;
}

std::vector<RunReplicas::Ptr> RunReplicas::all() const {
  std::vector<Ptr> out;
  for (const auto& [id, open] : open_) out.push_back(open);
  return out;
}

bool RunReplicas::is_here(const Ptr& open) const {
  const auto found = open_.find(open->run_id);
  return found != open_.end() && found->second == open;
}

// Its log may have grown, or been cut.
void RunReplicas::count(const Ptr& open) {
  const size_t bytes = open->replica && !open->is_dropped ? open->replica->run().log.bytes_here() : 0;
  bytes_ += bytes - open->counted_bytes;
  open->counted_bytes = bytes;
}

size_t RunReplicas::open() const {
  return static_cast<size_t>(std::count_if(open_.begin(), open_.end(), [](const auto& one) {
    return one.second->replica && !is_over(one.second->replica->run().record.status);
  }));
}

// --- Without a replica ------------------------------------------------------------------------------------

void RunReplicas::find(const std::string& run_id, RunDone<const Run*> done) {
  read_run(reads(run_id), run_id, 0, [done = std::move(done)](Result<std::optional<StoredRun>> stored) {
    if (!stored) return done(unavailable(stored.error()));
    if (!*stored || !RunReplica::is_whole(**stored)) return done(run_not_found());
    const RunReplica replica(std::move(**stored));
    done(&replica.run());
  });
}

const Run* RunReplicas::known(const std::string& run_id) const {
  const auto found = open_.find(run_id);
  return found != open_.end() && found->second->replica ? &found->second->replica->run() : nullptr;
}

uint32_t RunReplicas::epoch_known(const std::string& run_id) const {
  const auto found = open_.find(run_id);
  return found != open_.end() && found->second->replica ? found->second->replica->epoch_known() : 0;
}

void RunReplicas::heard_clock(WallTime now) { clock_ahead_ = now - parts_.loop.wall_now(); }

WallTime RunReplicas::now() const { return parts_.loop.wall_now() + clock_ahead_; }

}  // namespace gw::redis
