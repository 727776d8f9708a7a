// Runs of all instances, in Redis. Its scripts decide (run_scripts.cc); whoever reads follows a replica
// (run_replicas.h). Control loop only.
#pragma once

#include <string>

#include "core/run_store.h"
#include "engine/redis/run_appends.h"
#include "engine/redis/run_calls.h"
#include "engine/redis/run_index.h"
#include "engine/redis/run_maker.h"
#include "engine/redis/run_pushes.h"
#include "engine/redis/run_reaper.h"
#include "engine/redis/run_removals.h"
#include "engine/redis/run_replicas.h"
#include "engine/redis/stream_store.h"

namespace gw::redis {

class RunStore final : public gw::RunStore {
 public:
  struct Parts {
    EventLoop& loop;
    const RunPlaces& places;
    const ChannelTable& channels;
  };
  RunStore(const Parts& parts, const RunStoreOptions& options);

  void create(NewRun run, RunDone<RunCreated> done) override;
  void withdraw(const std::string& run_id) override;
  void claim(const std::string& run_id, const RunReach& reach, RunClaim claim,
             RunDone<RunClaimed> done) override;
  void append(const std::string& run_id, const RunReach& reach, RunAppend append,
              RunDone<RunAppended> done) override;
  void heartbeat(const std::string& run_id, const RunReach& reach, RunHeartbeat heartbeat,
                 RunDone<RunBeat> done) override;
  void cancel(const std::string& run_id, const RunReach& reach, std::string reason,
              RunDone<RunCancelled> done) override;
  void remove(const std::string& run_id, const RunReach& reach, RunDone<void> done) override;
  void find(const std::string& run_id, const RunReach& reach, RunDone<const Run*> done) override;
  void find_record(const std::string& run_id, const RunReach& reach, RunDone<const Run*> done) override;
  void find_tail(const std::string& run_id, const RunReach& reach, const std::optional<RunCursor>& cursor,
                 RunDone<RunTail> done) override;
  void list(const RunFilter& filter, RunDone<RunList> done) override;
  void find_thread(const RunAudience& audience, ChannelIndex channel, std::string_view thread_id,
                   RunDone<std::string> done) override;
  void on_pushed(std::function<void(const RunPushed&)> pushed) override {
    pushes_.on_pushed(std::move(pushed));
  }
  void find_pushed(const RunAudience& audience, RunDone<std::vector<std::string>> done) override {
    pushes_.find(audience, counting(std::move(done)));
  }
  void on_ended(std::function<void(const std::string&, const RunEnded&)> ended) override {
    reaper_.on_ended(std::move(ended));
  }
  [[nodiscard]] RunReading read(const std::string& run_id, std::weak_ptr<RunReader> reader,
                                RunDone<const Run*> done) override;
  WallTime now() const override { return replicas_.now(); }
  RunStats stats() const override;
  // Other instances go on with them.
  void stop() override {}

  StreamStore& streams() { return streams_; }

  // Of one partition the connection of messages is (back) there.
  void on_up(size_t place) { calls_.on_up(place); }
  void on_subscribed(size_t place) { replicas_.on_subscribed(place); }
  // Every 100 ms or so.
  void tick(TimePoint now);

 private:
  struct Claiming;
  struct Listing;
  void end_reading(uint64_t id) override { replicas_.end_reading(id); }
  const Run* run_of_reading(uint64_t id) const override { return replicas_.run_of_reading(id); }

  // Counts a refusal on its way to whoever asked.
  template <class T>
  RunDone<T> counting(RunDone<T> done);
  void ended(const std::string& run_id, RunStatus status, const RunCounted& counted);

  void count_for_realm(const std::shared_ptr<Claiming>& claiming, const RunTop& top);
  void look_at_log(const std::shared_ptr<Claiming>& claiming);
  void ask(const std::shared_ptr<Claiming>& claiming, const Run* log);
  void on_claimed(const std::shared_ptr<Claiming>& claiming, const RunAnswer& answer);
  void uncount(const Claiming& claiming);
  void find_first(const std::shared_ptr<std::vector<std::string>>& ids, size_t at,
                  const RunDone<std::string>& done);
  void begin_behind(const std::shared_ptr<Listing>& listing, uint64_t score, size_t place);
  void read_page(const std::shared_ptr<Listing>& listing);
  void take_page(const std::shared_ptr<Listing>& listing, size_t most);
  void read_records(const std::shared_ptr<Listing>& listing);
  void on_page(const std::shared_ptr<Listing>& listing);

  const Parts parts_;
  const RunStoreOptions options_;
  RunIndex index_;
  RunCalls calls_;
  RunRemovals removals_;
  RunMaker maker_;
  RunPushes pushes_;
  RunReplicas replicas_;
  RunReaper reaper_;
  RunAppends appends_;
  StreamStore streams_;
  TimePoint tidied_at_;
  RunStats stats_;
};

template <class T>
RunDone<T> RunStore::counting(RunDone<T> done) {
  return [this, done = std::move(done)](RunResult<T> result) {
    if (!result) ++stats_.refusals_total;
    done(std::move(result));
  };
}

}  // namespace gw::redis
