// What is asked of runs without changing them.
#include <algorithm>

#include "core/run/plain_stream_machine.h"
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
  parts_.messages.command({"ZREVRANGE", parts_.keys.thread(digest), "0", "-1"},
                          [this, done](const Result<Reply>& named) {
                            if (!named) return done(unavailable(named.error()));
                            auto ids = std::make_shared<std::vector<std::string>>();
                            for (size_t i = 0; i < named->size(); ++i) ids->emplace_back((*named)[i].text());
                            find_first(ids, 0, done);
                          });
}

// A run may be gone by itself, and its name is left.
void RunStore::find_first(const std::shared_ptr<std::vector<std::string>>& ids, size_t at,
                          const RunDone<std::string>& done) {
  if (at == ids->size()) return done(run_not_found());
  parts_.messages.command({"EXISTS", parts_.keys.run((*ids)[at])},
                          [this, ids, at, done](const Result<Reply>& exists) {
                            if (!exists) return done(unavailable(exists.error()));
                            if (exists->integer() == 0) return find_first(ids, at + 1, done);
                            done((*ids)[at]);
                          });
}

void RunStore::find_tail(const std::string& run_id, const RunReach& reach,
                         const std::optional<RunCursor>& cursor, RunDone<RunTail> done) {
  calls_.read(
      run_id, cursor ? cursor->pos : kNoLog,
      [reach, cursor, done = counting<RunTail>(std::move(done))](RunResult<StoredRun> stored) {
        if (!stored) return done(stored.error());
        if (!reaches(reach, stored->record)) return done(run_not_found());
        RunTail tail{{}, top_of(*stored), {RunResume::Kind::fits, stored->pos}, {}, stored->is_expired};
        if (cursor && stored->record.rare->stream) {
          tail.resume = plain_stream::resume_at_tail(tail.top, *cursor, stored->bytes);
        } else if (cursor) {
          tail.resume = resume_at_tail(stored->bases, stored->pos, stored->hash, *cursor, stored->bytes);
        }
        tail.bytes = std::move(stored->bytes);
        tail.record = std::move(stored->record);
        done(std::move(tail));
      });
}

RunStats RunStore::stats() const {
  RunStats stats = stats_;
  appends_.add_stats(stats);
  streams_.add_stats(stats);
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
  RunDone<RunList> done;
  RunList found;
  std::string behind = "+inf";  // place in Redis's list: the score of the last one looked at
  size_t looks = 0;
  std::vector<std::optional<RunRecord>> page;
  bool is_last = false;  // page
  size_t waits = 0;
  std::optional<RunRefusal> refusal;
};

void RunStore::list(const RunFilter& filter, RunDone<RunList> done) {
  const auto listing = std::make_shared<Listing>();
  listing->filter = filter;
  listing->done = counting(std::move(done));
  if (filter.after.empty()) return read_page(listing);
  if (const auto place = parse_run_list_place(filter.after)) {
    listing->behind = "(" + std::to_string(*place);
    return read_page(listing);
  }
  calls_.read(filter.after, kNoLog, [this, listing](const RunResult<StoredRun>& after) {
    if (!after) return listing->done(after.error());
    if (!reaches(listing->filter.reach, after->record)) return listing->done(run_not_found());
    parts_.messages.command({"ZSCORE", parts_.keys.runs(), after->record.run_id},
                            [this, listing](const Result<Reply>& score) {
                              if (!score) return listing->done(unavailable(score.error()));
                              if (!score->is_text()) return listing->done(run_not_found());
                              listing->behind = "(" + std::string(score->text());
                              read_page(listing);
                            });
  });
}

void RunStore::read_page(const std::shared_ptr<Listing>& listing) {
  const size_t most = std::min(kPage, options_.limits.list_looks - listing->looks);
  parts_.messages.command({"ZRANGE", parts_.keys.runs(), listing->behind, "-inf", "BYSCORE", "REV", "LIMIT",
                           "0", std::to_string(most), "WITHSCORES"},
                          [this, listing, most](const Result<Reply>& ids) {
                            if (!ids) return listing->done(unavailable(ids.error()));
                            listing->is_last = ids->size() / 2 < most;
                            read_records(listing, *ids);
                          });
}

void RunStore::read_records(const std::shared_ptr<Listing>& listing, const Reply& ids) {
  const size_t count = ids.size() / 2;  // each with its score
  if (count > 0) listing->behind = "(" + std::string(ids[2 * count - 1].text());
  listing->looks += count;
  listing->page.assign(count, std::nullopt);
  listing->waits = count;
  if (count == 0) return on_page(listing);
  // The replies are gone before the last record comes.
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.emplace_back(ids[2 * i].text());
  for (size_t i = 0; i < count; ++i) {
    calls_.read(names[i], kNoLog, [this, listing, i](RunResult<StoredRun> record) {
      if (record) {
        listing->page[i] = std::move(record->record);
      } else if (record.error().code != RunErrc::not_found) {
        listing->refusal = record.error();
      }
      if (--listing->waits == 0) on_page(listing);
    });
  }
}

void RunStore::on_page(const std::shared_ptr<Listing>& listing) {
  if (listing->refusal) return listing->done(*listing->refusal);
  const RunFilter& filter = listing->filter;
  RunList& found = listing->found;
  for (auto& record : listing->page) {
    if (record && found.runs.size() < filter.limit && matches(filter, *record))
      found.runs.push_back(std::move(*record));
  }
  if (found.runs.size() == filter.limit) {
    found.after = found.runs.back().run_id;
  } else if (!listing->is_last && listing->looks >= options_.limits.list_looks) {
    found.after = run_list_place(std::strtoull(listing->behind.c_str() + 1, nullptr, 10));
  } else if (!listing->is_last) {
    return read_page(listing);
  }
  listing->done(std::move(found));
}

}  // namespace gw::redis
