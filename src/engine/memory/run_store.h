// Runs and plain streams of a gateway that runs alone. Control loop only.
#pragma once

#include <boost/intrusive/set.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/rate_limit.h"
#include "core/run/run_machine.h"
#include "core/run_store.h"
#include "core/stream_store.h"
#include "engine/memory/run_accounts.h"
#include "net/event_loop.h"

namespace gw::memory {

struct RunStoreOptions {
  RunLimits limits;
  Duration ack_wait = 30s;  // how long a group's delivery stays with a silent agent
};

// In an order of runs: with its links in the run itself, since ten thousand have them.
using RunHook = boost::intrusive::set_member_hook<boost::intrusive::optimize_size<true>>;

// A run, and where it stands in the store's lists. Whoever calls somebody back holds one: the run may be
// removed meanwhile.
struct KeptRun : boost::intrusive_ref_counter<KeptRun, boost::thread_unsafe_counter> {
  KeptRun(Run made, uint64_t number_now, const RateLimit& appends_limit, TimePoint now)
      : run(std::move(made)), number(number_now), appends(appends_limit, now) {}

  struct Reader {
    uint64_t id;  // 0: gone
    std::weak_ptr<RunReader> reader;
    uint64_t changes_before;  // what it was given with its first answer
  };

  Run run;
  const uint64_t number;  // by the order of their making
  RunOwners owners;
  const std::string* asked_as = nullptr;  // null: it was asked for as nothing, or is over
  TokenBucket appends;
  Lazy<std::vector<Reader>> readers;
  uint64_t changes_total = 0;
  // As the accounts know it.
  bool counted_open = false;
  uint32_t counted_bytes = 0;          // run-bytes is at most 64 MiB
  uint64_t ended_number = 0;           // 0: it is open
  WallTime look_at = WallTime::max();  // its place in the order of due times: nothing to do before; max: none
  RunHook by_number, by_due;
};

struct RunsByNumber {
  bool operator()(const KeptRun& a, const KeptRun& b) const { return a.number < b.number; }
  bool operator()(const KeptRun& a, uint64_t number) const { return a.number < number; }
  bool operator()(uint64_t number, const KeptRun& b) const { return number < b.number; }
};
struct RunsByDue {
  bool operator()(const KeptRun& a, const KeptRun& b) const {
    return a.look_at != b.look_at ? a.look_at < b.look_at : a.number < b.number;
  }
};
template <RunHook KeptRun::*hook, class Order>
using RunOrder =
    boost::intrusive::set<KeptRun, boost::intrusive::member_hook<KeptRun, RunHook, hook>,
                          boost::intrusive::compare<Order>, boost::intrusive::constant_time_size<false>>;
struct RunsById {
  using is_transparent = void;
  size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
  size_t operator()(const boost::intrusive_ptr<KeptRun>& kept) const {
    return (*this)(kept->run.record.run_id);
  }
};
struct SameRunId {
  using is_transparent = void;
  static std::string_view id(std::string_view id) { return id; }
  static std::string_view id(const boost::intrusive_ptr<KeptRun>& kept) { return kept->run.record.run_id; }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return id(a) == id(b);
  }
};

class RunStore final : public gw::RunStore, public gw::StreamStore {
 public:
  RunStore(EventLoop& loop, const ChannelTable& channels, const RunStoreOptions& options);

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
  void find_record(const std::string& run_id, const RunReach& reach, RunDone<const Run*> done) override {
    find(run_id, reach, std::move(done));
  }
  void find_tail(const std::string& run_id, const RunReach& reach, const std::optional<RunCursor>& cursor,
                 RunDone<RunTail> done) override;
  void list(const RunFilter& filter, RunDone<RunList> done) override;
  void find_thread(const RunAudience& audience, ChannelIndex channel, std::string_view thread_id,
                   RunDone<std::string> done) override;
  void on_pushed(std::function<void(const RunPushed&)> pushed) override { on_pushed_ = std::move(pushed); }
  void find_pushed(const RunAudience& audience, RunDone<std::vector<std::string>> done) override;
  void on_ended(std::function<void(const std::string&, const RunEnded&)> ended) override {
    on_ended_ = std::move(ended);
  }
  [[nodiscard]] RunReading read(const std::string& run_id, std::weak_ptr<RunReader> reader,
                                RunDone<const Run*> done) override;
  WallTime now() const override { return loop_.wall_now(); }
  RunStats stats() const override;
  void stop() override;

  void put_stream(NewStream stream, StreamDone<StreamMade> done) override;
  void append_stream(const RunTail& known, const RunReach& reach, StreamAppend append,
                     StreamDone<StreamAppended> done) override;
  void remove_stream(const std::string& id, const RunReach& reach, StreamDone<void> done) override;
  void touch_stream(const RunRecord& record) override;

  // Ends what time has decided, forgets what was kept long enough; every 250 ms or so.
  void tick();

 private:
  using Ptr = boost::intrusive_ptr<KeptRun>;
  struct News {
    Ptr kept;
    RunChange change;
    uint64_t number;  // of the run's changes
  };

  void end_reading(uint64_t id) override;
  const Run* run_of_reading(uint64_t id) const override;

  // Whom one counts for that is to be made, or claimed for a realm; empty: nobody.
  struct Joining {
    std::string user;
    bool is_strangers = false;
    std::string realm;
    bool is_kept = false;  // the realm alone has one more
  };
  static Joining joining(const RunAudience& audience, const std::string& asked_by, const std::string& realm);
  Ptr look_up(std::string_view run_id) const;
  Ptr look_up(const std::string& run_id, const RunReach& reach) const;
  // Counts a refusal on its way to whoever asked.
  template <class T>
  void answer(const RunDone<T>& done, RunResult<T> result);

  // --- Plain streams (run_store_streams.cc)
  Ptr look_up_stream(const std::string& id, const RunReach& reach) const;
  std::optional<StreamRefusal> refuse_new_stream(const NewStream& asked);

  // Making one.
  std::optional<RunResult<RunCreated>> answer_as_existing(const NewRun& run) const;
  std::optional<RunRefusal> refuse_new(const NewRun& run, const Joining& owners);
  void insert(const NewRun& asked, Run run, run::Changes changes);
  std::string thread_of(const RunAudience& audience, ChannelIndex channel, std::string_view thread_id) const;

  // What follows a change of a run: its counts, its due time, its readers.
  void changed(const Ptr& kept, run::Changes changes);
  void count(KeptRun& kept);
  void count_realm(KeptRun& kept);
  void count_end(KeptRun& kept);
  WallTime due(const KeptRun& kept) const;
  void look_at(KeptRun& kept, WallTime when);
  void tell();
  void tell(const News& news);
  void end(const Ptr& kept, RunStatus status, RunError error);
  void drop(const Ptr& kept);
  void unindex(KeptRun& kept);
  void unask(KeptRun& kept);
  void end_push(KeptRun& kept);

  // --- Bounds (run_store_bounds.cc): each of those that a run counts for has its own.
  std::vector<RunBound> bounds_of(const RunOwners& owners, bool of_all = true);
  std::vector<RunBound> bounds_of(const Joining& owners);
  std::optional<RunRefusal> refuse_open(const Joining& owners);
  // For one more, by dropping the oldest runs that are over.
  std::optional<RunRefusal> make_place(const Joining& owners);
  // For `bytes` more, by expiring the oldest logs of runs that are over.
  std::optional<RunRefusal> make_room(const std::vector<RunBound>& bounds, size_t bytes);
  bool make_room(RunAccount& account, size_t bytes, size_t bytes_max);
  void expire(KeptRun& kept);
  template <class F>
  void for_each_account(const KeptRun& kept, F&& visit) {
    visit(instance_);
    if (kept.owners.is_strangers) visit(strangers_);
    if (kept.owners.user) visit(*kept.owners.user);
    if (kept.owners.realm) visit(*kept.owners.realm);
  }

  // The time. Where it has jumped since the last call or tick, every open run has its whole time again.
  WallTime wake();
  std::vector<Ptr> open_runs() const;

  EventLoop& loop_;
  const ChannelTable& channels_;
  const RunStoreOptions options_;
  const RateLimit appends_limit_;
  RunRates made_;

  std::unordered_set<Ptr, RunsById, SameRunId> runs_;
  RunOrder<&KeptRun::by_number, RunsByNumber> by_number_;
  RunOrder<&KeptRun::by_due, RunsByDue> due_;
  std::unordered_map<std::string, std::map<uint64_t, KeptRun*>> threads_;
  std::unordered_map<std::string, KeptRun*> asked_;                       // open ones
  std::unordered_map<std::string, std::map<uint64_t, KeptRun*>> pushed_;  // open ones, by their audience
  std::function<void(const RunPushed&)> on_pushed_ = [](const RunPushed&) {};
  std::function<void(const std::string&, const RunEnded&)> on_ended_ = [](const std::string&,
                                                                          const RunEnded&) {};
  RunAccount instance_;
  RunAccount strangers_;
  RunAccounts users_;
  RunAccounts realms_;
  std::unordered_map<uint64_t, Ptr> readings_;
  std::deque<News> news_;
  bool telling_ = false;
  bool stopped_ = false;
  uint64_t numbers_ = 0;  // of runs, endings and readings
  std::optional<WallTime> awake_at_;
  RunStats stats_;
};

}  // namespace gw::memory
