// What is asked of runs without changing them.
#include <algorithm>

#include "engine/redis/run_refusals.h"
#include "engine/redis/run_store.h"

namespace gw::redis {
namespace {

constexpr size_t kPage = 100;

bool matches(const RunFilter& filter, const RunRecord& run) {
  return reaches(filter.reach, run) && (!filter.channel || *filter.channel == run.channel) &&
         (filter.thread_id.empty() || filter.thread_id == run.thread_id) &&
         (!filter.status || *filter.status == run.status);
}

}  // namespace

RunReading RunStore::read(const std::string& run_id, std::weak_ptr<RunReader> reader,
                          RunDone<const Run*> done) {
  return RunReading(*this, replicas_.read(run_id, std::move(reader), counting(std::move(done))));
}

void RunStore::find(const std::string& run_id, const RunReach& reach, RunDone<const Run*> done) {
  replicas_.find(run_id,
                 counting<const Run*>([reach, done = std::move(done)](const RunResult<const Run*>& run) {
                   if (run && !reaches(reach, (*run)->record)) return done(run_not_found());
                   done(run);
                 }));
}

void RunStore::find_record(const std::string& run_id, const RunReach& reach, RunDone<const Run*> done) {
  calls_.read(run_id, kNoLog,
              [reach, done = counting<const Run*>(std::move(done))](RunResult<StoredRun> stored) {
                if (!stored) return done(stored.error());
                if (!reaches(reach, stored->record)) return done(run_not_found());
                Run run;
                run.log.assign_expired(stored->pos, stored->hash, std::move(stored->bases));
                run.record = std::move(stored->record);
                done(&run);
              });
}

void RunStore::find_thread(const RunAudience& audience, ChannelIndex channel, std::string_view thread_id,
                           RunDone<std::string> done) {
  done = counting(std::move(done));
  const std::string digest = thread_digest(audience, parts_.channels.name(channel), thread_id);
  if (digest.empty()) return done(run_not_found());
  parts_.messages.command({"GET", parts_.keys.thread(digest)}, [this, done](const Result<Reply>& named) {
    if (!named) return done(unavailable(named.error()));
    const std::string run_id(named->text());
    if (run_id.empty()) return done(run_not_found());
    parts_.messages.command({"EXISTS", parts_.keys.run(run_id)}, [run_id, done](const Result<Reply>& exists) {
      if (!exists) return done(unavailable(exists.error()));
      if (exists->integer() == 0) return done(run_not_found());
      done(run_id);
    });
  });
}

RunStats RunStore::stats() const {
  RunStats stats = stats_;
  appends_.add_stats(stats);
  stats.open = replicas_.open();
  stats.kept = replicas_.kept();
  stats.bytes = replicas_.bytes();
  stats.readers = replicas_.readers();
  stats.reloads_total = replicas_.reloads();
  stats.ended_total = reaper_.ended();
  return stats;
}

// --- Lists ------------------------------------------------------------------------------------------------

struct RunStore::Listing {
  RunFilter filter;
  RunDone<std::vector<RunRecord>> done;
  std::vector<RunRecord> found;
  size_t next = 0;  // place in Redis's list
  std::vector<std::optional<RunRecord>> page;
  size_t waits = 0;
  std::vector<std::string> gone;
  std::optional<RunRefusal> refusal;
};

void RunStore::list(const RunFilter& filter, RunDone<std::vector<RunRecord>> done) {
  const auto listing = std::make_shared<Listing>();
  listing->filter = filter;
  listing->done = counting(std::move(done));
  if (filter.after.empty()) return read_page(listing);
  calls_.read(filter.after, kNoLog, [this, listing](const RunResult<StoredRun>& after) {
    if (!after) return listing->done(after.error());
    if (!reaches(listing->filter.reach, after->record)) return listing->done(run_not_found());
    parts_.messages.command({"ZREVRANK", parts_.keys.runs(), after->record.run_id},
                            [this, listing](const Result<Reply>& rank) {
                              if (!rank) return listing->done(unavailable(rank.error()));
                              if (!rank->is_integer()) return listing->done(run_not_found());
                              listing->next = static_cast<size_t>(rank->integer()) + 1;
                              read_page(listing);
                            });
  });
}

void RunStore::read_page(const std::shared_ptr<Listing>& listing) {
  const size_t first = std::exchange(listing->next, listing->next + kPage);
  parts_.messages.command(
      {"ZREVRANGE", parts_.keys.runs(), std::to_string(first), std::to_string(listing->next - 1)},
      [this, listing](const Result<Reply>& ids) {
        if (!ids) return listing->done(unavailable(ids.error()));
        read_records(listing, *ids);
      });
}

void RunStore::read_records(const std::shared_ptr<Listing>& listing, const Reply& ids) {
  const size_t count = ids.size();
  listing->page.assign(count, std::nullopt);
  listing->waits = count;
  if (count == 0) return on_page(listing);
  // The replies are gone before the last record comes.
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.emplace_back(ids[i].text());
  for (size_t i = 0; i < count; ++i) {
    calls_.read(names[i], kNoLog, [this, listing, i, id = names[i]](RunResult<StoredRun> record) {
      if (record) {
        listing->page[i] = std::move(record->record);
      } else if (record.error().code == RunErrc::not_found) {
        listing->gone.push_back(id);
      } else {
        listing->refusal = record.error();
      }
      if (--listing->waits == 0) on_page(listing);
    });
  }
}

void RunStore::on_page(const std::shared_ptr<Listing>& listing) {
  if (listing->refusal) return listing->done(*listing->refusal);
  const RunFilter& filter = listing->filter;
  for (auto& record : listing->page) {
    if (record && listing->found.size() < filter.limit && matches(filter, *record))
      listing->found.push_back(std::move(*record));
  }
  const bool is_last = listing->page.size() < kPage || listing->found.size() >= filter.limit;
  if (!is_last) return read_page(listing);
  // Only now, or places in the list would have moved.
  for (const std::string& id : listing->gone) index_.gone(id);
  listing->done(std::move(listing->found));
}

}  // namespace gw::redis
