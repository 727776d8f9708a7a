// What is kept beside the runs' own keys: when somebody should look at one, who has how many, the latest of a
// thread. A run's record decides; all of this follows it, and what a crash left out is made up for when
// somebody looks. Control loop only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/redis/run_places.h"
#include "engine/redis/run_record.h"
#include "engine/redis/scripts.h"

namespace gw::redis {

// Whoever has bounds of his own, and what they are.
struct RunBound {
  std::string whom;  // Keys::runs_open
  size_t open_most = 0;
  size_t kept_most = 0;  // 0: any
  size_t bytes_most = 0;
  RunErrc refusal = RunErrc::resource_exhausted;
  std::string detail = {};
};

class RunIndex {
 public:
  // A run that counts so long without a record does so no more.
  static constexpr Duration kHold = 60s;

  RunIndex(const RunPlaces& places, const RunLimits& limits) : places_(places), limits_(limits) {}

  RunBound of_realm(const std::string& realm) const;
  RunBound of_all() const;
  // All but the last: `user` as run_user() says; empty: nobody.
  std::vector<RunBound> bounds_of(const std::string& user, const std::string& realm) const;

  // When to look at it: no later than that, or then.
  void look_by(const std::string& run_id, Duration in) { look(run_id, in, "LT"); }
  void look_at(const std::string& run_id, Duration in) { look(run_id, in, ""); }

  struct Counted {
    bool is_full = false;
    bool is_new = false;            // it did not count before
    std::vector<std::string> over;  // these have to be removed
  };
  using OnCounted = std::function<void(const Result<Counted>&)>;
  // For kHold.
  void count(const std::string& run_id, const RunBound& bound, OnCounted done);
  // For its life.
  void count(const std::string& run_id, std::string_view whom);
  void uncount(const std::string& run_id, std::string_view whom, Duration kept, uint64_t bytes = 0) {
    uncount(run_id, whom, kept, bytes, {});
  }
  struct Reserved {
    uint64_t bytes = 0;                // 0: there is no room
    std::vector<std::string> expired;  // the logs of these have to go
  };
  // So that its log may have `needed` bytes, and some more where there is room.
  void reserve(const std::string& run_id, const RunBound& bound, uint64_t needed,
               std::function<void(const Result<Reserved>&)> done);

  // `digest` of thread_digest(); `done` when Redis has it. So many of a thread's runs are known, so that an
  // earlier one is found when the latest goes.
  static constexpr size_t kThreadMost = 16;
  void name_thread(const std::string& run_id, const std::string& digest, std::function<void()> done);
  // Answers the run that was asked for as this: `run_id`, unless it is another than `instead_of`.
  void name_asked(const std::string& run_id, const std::string& digest, std::string_view instead_of,
                  std::function<void(Result<std::string>)> done);
  void unname_asked(const std::string& run_id, const std::string& digest);

  // It is there. Counts for it have been asked for before.
  void made(const std::string& run_id, const std::string& user, const std::string& realm);
  // A plain stream is there, for `left` unless it is used: it counts on, an open one or a closed one of so
  // many bytes, and is looked at again before that is over. Who hears late may say it of one that has gone
  // since, and been made anew: then the next look puts it right.
  void kept_on(const std::string& id, const std::string& realm, Duration left);
  void closed(const std::string& id, const std::string& realm, uint64_t bytes, Duration left);
  // Either, as the script that settles answers (run_scripts.cc).
  void still(const std::string& id, const RunAnswer& stream);
  // It is over, and kept for a while; twice does no harm.
  void over(const std::string& run_id, const RunCounted& counted);
  // Its record is gone; twice does no harm.
  void removed(const std::string& run_id, const RunCounted& counted);
  void gone(const std::string& run_id);

  std::string due_name(const RunPlace& place, std::string_view run_id) const;
  std::string kept_ms() const { return milliseconds(limits_.life + RunLimits::kRetentionMax); }

 private:
  void uncount(const std::string& run_id, std::string_view whom, Duration kept, uint64_t bytes,
               std::string_view keys_ms);
  RunBound of_many(std::string whom, const std::string& whose) const;
  void unname_thread(const std::string& run_id, const std::string& digest, Duration kept);
  void look(const std::string& run_id, Duration in, std::string_view how);
  void end_names(const std::string& run_id, const RunCounted& counted, Duration kept);

  // A user's are counted in his own partition, so that his bounds are exact. Of the many each partition
  // counts those that are in it, and allows its share: no server is asked for all.
  const RunPlace& place_of(const std::string& run_id, std::string_view whom) const;
  template <class T>
  T share(T limit) const {
    return static_cast<T>(partition_share(limit, places_.size()));
  }

  const RunPlaces& places_;
  const RunLimits& limits_;
};

}  // namespace gw::redis
