// What owners append by way of this instance: in order, not too fast, and within the bytes of whom the run
// counts for. Those are reserved in steps beforehand, and who may append was found out when the run was read:
// so nearly every append is one command. It shows the owner that was read; where Redis has another by now the
// run is read again. Control loop only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/rate_limit.h"
#include "core/run_store.h"
#include "engine/redis/run_calls.h"
#include "engine/redis/run_index.h"
#include "engine/redis/run_trims.h"

namespace gw::redis {

class RunAppends {
 public:
  struct Parts {
    EventLoop& loop;
    RunCalls& calls;
    RunIndex& index;
  };
  struct Events {
    // Its owner has spoken, and has so long a lease.
    std::function<void(const std::string& run_id, Duration lease)> on_alive;
    std::function<void(const std::string& run_id, RunStatus status, const RunCounted& counted)> on_ended;
  };
  RunAppends(const Parts& parts, Events events);

  // As RunStore::append().
  void append(const std::string& run_id, const RunReach& reach, RunAppend append, RunDone<RunAppended> done);
  // It has another owner; its log was cut to `pos`, where that is given.
  void claimed(const std::string& run_id, std::optional<uint64_t> cut_to, const std::string& user,
               const std::string& realm);
  // Logs that grow no more, or not now, give back the room that they do not need. Every 100 ms or so.
  void trim(TimePoint now) { trims_.tick(now); }
  // Owners that have not been heard for long are forgotten. Every second or so.
  void tick(TimePoint now);
  // Those whose state is kept.
  size_t owners() const { return owners_.size(); }
  // Adds to appends, bytes and duplicates.
  void add_stats(RunStats& stats) const;

 private:
  struct Batch {
    RunReach reach;
    std::shared_ptr<const RunAppend> append;
    RunDone<RunAppended> done;
    uint64_t turn = 0;                       // of those that came
    std::optional<RunRefusal> no_room = {};  // says the script that it would be stored, it is not
    bool is_looked_at = false;               // the run was read since it came
    int tries = 0;                           // that found another owner
    // Of a framed run: what its log gets, and the refusal that is answered where nothing else is wrong.
    std::optional<run::FramedBatch> framed = {};
    std::optional<RunRefusal> misframed = {};
    uint64_t framed_at = 0;

    // Of what its log gets.
    std::string_view bytes() const { return framed ? framed->bytes : std::string_view(append->bytes); }
    // An end alone is never refused for want of room.
    uint64_t size() const { return append->bytes.empty() ? 0 : bytes().size(); }
  };
  struct Owner {
    Owner(const std::string& id, const RateLimit& limit, TimePoint now) : run_id(id), rate(limit, now) {}
    const std::string run_id;
    TokenBucket rate;
    RunTrims::Growth growth;
    TimePoint heard_at;
    bool is_known = false;  // what follows
    StoredRun run;
    RunFold fold;                  // of a framed run
    std::vector<RunBound> bounds;  // of its bytes
    uint64_t pos = 0;              // with what is on its way
    uint64_t reserved = 0;
    std::deque<Batch> queue;
    size_t sent = 0;         // and not answered
    bool is_asking = false;  // the first of the queue waits for it
    size_t aside = 0;        // that wait for a look of their own
    bool is_pumping = false;
    uint64_t came = 0;  // batches

    // What is framed goes on from what Redis has stored: one after the other.
    bool may_step() const {
      return !is_asking && !queue.empty() && (sent == 0 || !is_framed(run.record.format));
    }
  };
  struct Room {
    size_t waits = 0;
    uint64_t granted = UINT64_MAX;
    std::optional<RunRefusal> none = {};
  };
  using Ptr = std::shared_ptr<Owner>;

  static std::optional<RunRefusal> refuse_as_read(const StoredRun& run, const Batch& batch);
  Ptr owner(const std::string& run_id);
  std::vector<RunBound> bounds_of(const std::string& user, const std::string& realm) const;
  void pump(const Ptr& owner);
  void step(const Ptr& owner);
  void look_aside(const Ptr& owner, Batch batch);
  void learn(const Ptr& owner);
  void take(Owner& owner, StoredRun run) const;
  static void frame(const Owner& owner, Batch& batch);
  void ask(const Ptr& owner, const Batch& batch, RunCalls::OnAnswer done);
  void answer_first(const Ptr& owner, const RunRefusal& refusal);
  void reserve(const Ptr& owner, uint64_t needed);
  void on_reserved(const RunBound& bound, const Result<RunIndex::Reserved>& reserved, Room& room);
  void send(const Ptr& owner);
  void send_again(const Ptr& owner, Batch batch);
  void on_answer(const Ptr& owner, const Batch& batch, const RunAnswer& answer);
  RunRefusal refusal_of(const Owner& owner, const Batch& batch, const RunAnswer& answer) const;

  const Parts parts_;
  const Events events_;
  const RateLimit limit_;
  RunTrims trims_;
  std::unordered_map<std::string, Ptr> owners_;
  RunStats stats_;
};

}  // namespace gw::redis
