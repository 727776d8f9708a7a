// What is asked of runs without changing them.
#include <algorithm>

#include "core/run/plain_stream_machine.h"
#include "engine/redis/run_refusals.h"
#include "engine/redis/run_store.h"

namespace gw::redis {
namespace {

constexpr size_t kPage = 100;

// Redis writes a score as a number; those of runs are whole.
uint64_t parse_score(std::string_view text) { return std::strtoull(std::string(text).c_str(), nullptr, 10); }

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
  const RunPlace& place = parts_.places.of(digest);
  place.messages.command({"ZREVRANGE", place.keys.thread(digest), "0", "-1"},
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
  const RunPlace& place = parts_.places.of((*ids)[at]);
  place.messages.command({"EXISTS", place.keys.run((*ids)[at])},
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
  struct Behind {  // of one partition's list
    std::string bound = "+inf";
    size_t came = 0;  // with the last page
  };
  // One that stands in a list, by the microsecond of its making. Of one microsecond those of the first
  // partition come first.
  struct Named {
    uint64_t score;
    size_t place;
    std::string run_id;
    bool operator<(const Named& other) const {
      return score != other.score ? score > other.score : place < other.place;
    }
  };
  RunFilter filter;
  RunDone<RunList> done;
  RunList found;
  std::vector<Behind> behind;  // by partition
  uint64_t last = 0;           // place of the last one that was looked at
  size_t looks = 0;
  std::vector<Named> named;
  std::vector<std::optional<RunRecord>> page;
  bool is_last = false;  // page
  size_t waits = 0;
  std::optional<RunRefusal> refusal;
};

void RunStore::list(const RunFilter& filter, RunDone<RunList> done) {
  const auto listing = std::make_shared<Listing>();
  const size_t places = parts_.places.size();
  listing->filter = filter;
  listing->done = counting(std::move(done));
  listing->behind.resize(places);
  if (filter.after.empty()) return read_page(listing);
  if (const auto place = parse_run_list_place(filter.after)) {
    begin_behind(listing, *place / places, *place % places);
    return read_page(listing);
  }
  calls_.read(filter.after, kNoLog, [this, listing](const RunResult<StoredRun>& after) {
    if (!after) return listing->done(after.error());
    if (!reaches(listing->filter.reach, after->record)) return listing->done(run_not_found());
    const RunPlace& place = parts_.places.of(after->record.run_id);
    place.messages.command({"ZSCORE", place.keys.runs(), after->record.run_id},
                           [this, listing, &place](const Result<Reply>& score) {
                             if (!score) return listing->done(unavailable(score.error()));
                             if (!score->is_text()) return listing->done(run_not_found());
                             begin_behind(listing, parse_score(score->text()), place.index);
                             read_page(listing);
                           });
  });
}

void RunStore::begin_behind(const std::shared_ptr<Listing>& listing, uint64_t score, size_t place) {
  for (size_t i = 0; i < listing->behind.size(); ++i)
    listing->behind[i].bound = (i <= place ? "(" : "") + std::to_string(score);
}

void RunStore::read_page(const std::shared_ptr<Listing>& listing) {
  const size_t most = std::min(kPage, options_.limits.list_looks - listing->looks);
  listing->named.clear();
  listing->waits = parts_.places.size();
  for (const RunPlace& place : parts_.places) {
    place.messages.command({"ZRANGE", place.keys.runs(), listing->behind[place.index].bound, "-inf",
                            "BYSCORE", "REV", "LIMIT", "0", std::to_string(most), "WITHSCORES"},
                           [this, listing, most, &place](const Result<Reply>& ids) {
                             const size_t came = ids ? ids->size() / 2 : 0;  // each with its score
                             if (!ids) listing->refusal = unavailable(ids.error());
                             listing->behind[place.index].came = came;
                             for (size_t i = 0; i < came; ++i)
                               listing->named.push_back({parse_score((*ids)[2 * i + 1].text()), place.index,
                                                         std::string((*ids)[2 * i].text())});
                             if (--listing->waits > 0) return;
                             if (listing->refusal) return listing->done(*listing->refusal);
                             take_page(listing, most);
                           });
  }
}

// Of what all partitions have named so many, the newest.
void RunStore::take_page(const std::shared_ptr<Listing>& listing, size_t most) {
  auto& named = listing->named;
  std::sort(named.begin(), named.end());
  listing->is_last = named.size() <= most;
  for (const Listing::Behind& behind : listing->behind)
    listing->is_last = listing->is_last && behind.came < most;
  named.resize(std::min(named.size(), most));
  for (const Listing::Named& one : named) {
    listing->behind[one.place].bound = "(" + std::to_string(one.score);
    listing->last = one.score * parts_.places.size() + one.place;
  }
  read_records(listing);
}

void RunStore::read_records(const std::shared_ptr<Listing>& listing) {
  const size_t count = listing->named.size();
  listing->looks += count;
  listing->page.assign(count, std::nullopt);
  listing->waits = count;
  if (count == 0) return on_page(listing);
  for (size_t i = 0; i < count; ++i) {
    calls_.read(listing->named[i].run_id, kNoLog, [this, listing, i](RunResult<StoredRun> record) {
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
    found.after = run_list_place(listing->last);
  } else if (!listing->is_last) {
    return read_page(listing);
  }
  listing->done(std::move(found));
}

}  // namespace gw::redis
