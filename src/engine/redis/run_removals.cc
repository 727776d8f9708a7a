#include "engine/redis/run_removals.h"

#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

// Long after the answer, if one comes.
constexpr Duration kLookAgainAfter = 1s;

}  // namespace

void RunRemovals::remove(const std::string& run_id, const RunReach& reach, RunDone<RunCounted> done) {
  settle(run_id, reach, RunCalls::Settle::remove,
         [this, run_id, done = std::move(done)](const Result<RunAnswer>& answer) {
           if (!answer) return done(unavailable(answer.error()));
           if (answer->code() != "removed") return done(answer->refusal());
           RunCounted counted = answer->counted(0);
           index_.removed(run_id, counted);
           done(std::move(counted));
         });
}

void RunRemovals::remove(const std::vector<std::string>& run_ids) {
  for (const std::string& run_id : run_ids)
    settle(run_id, {}, RunCalls::Settle::evict, [this, run_id](const Result<RunAnswer>& answer) {
      // One that is not there another has removed, or will when it looks: what it counted for stands in its
      // way.
      if (!answer) return;
      // An open plain stream that was taken for a closed one.
      if (answer->code() == "stream") return index_.still(run_id, *answer);
      if (answer->code() != "removed") return;
      index_.removed(run_id, answer->counted(0));
      index_.look_by(run_id, kLookAgainAfter);
    });
}

void RunRemovals::settle(const std::string& run_id, const RunReach& reach, RunCalls::Settle how,
                         RunCalls::OnAnswer done) {
  // First: the entry has to be there when the record goes.
  index_.look_by(run_id, kLookAgainAfter);
  calls_.settle(run_id, reach, how, {}, std::move(done));
}

}  // namespace gw::redis
