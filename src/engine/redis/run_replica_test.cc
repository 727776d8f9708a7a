#include "engine/redis/run_replica.h"

#include <gtest/gtest.h>

namespace gw::redis {
namespace {

// As read_run() has it. `bases` has one more than the run has epochs.
StoredRun stored(std::string_view log, std::vector<uint64_t> bases, uint64_t from = 0) {
  StoredRun run;
  run.record.run_id = "r";
  run.record.status = RunStatus::in_progress;
  run.record.epoch = run.record.claim_epoch = static_cast<uint32_t>(bases.size() - 1);
  run.pos = log.size();
  run.hash = RunHash::of(log);
  run.bases = std::move(bases);
  run.from = from;
  run.bytes = log.substr(from);
  return run;
}

// The record stayed, the bytes made room.
StoredRun expired(std::string_view log, std::vector<uint64_t> bases) {
  StoredRun run = stored(log, std::move(bases));
  run.record.status = RunStatus::completed;
  run.bytes.clear();
  run.is_expired = true;
  return run;
}

std::string kinds_of(const run::Changes& changes) {
  constexpr const char* kNames[] = {"append", "epoch", "cancel", "end", "reloaded", "removed"};
  std::string out;
  for (const RunChange& change : changes)
    out.append(out.empty() ? "" : " ").append(kNames[static_cast<size_t>(change.kind)]);
  return out;
}

TEST(RunReplica, KnowsWhereEachEpochBeganThatItMissed) {
  RunReplica replica(stored("0123456789", {0, 0}));
  run::Changes changes;
  // The second epoch kept 5 bytes and came to 12, of which the third kept 9.
  EXPECT_FALSE(replica.catch_up(stored("01234abcd!", {0, 0, 5, 9}, 5), changes));
  EXPECT_EQ(changes,
            (run::Changes{{RunChange::Kind::epoch, 3, 5, ""}, {RunChange::Kind::append, 3, 5, "abcd!"}}));
  EXPECT_EQ(replica.run().log.bases(), (std::vector<uint64_t>{0, 0, 5, 9}));
  const RunResume resume = replica.run().log.resume(RunCursor{2, 8, RunHash::of("01234abc")});
  EXPECT_EQ(resume.pos, 8u) << "who read in the second epoch has no byte too many";
}

TEST(RunReplica, RemembersTheHighestEpochWhenRedisHasLostIt) {
  RunReplica replica(stored("text", {0, 0, 0, 0}));
  run::Changes changes;
  const auto again = replica.catch_up(stored("text", {0, 0}, 4), changes);
  EXPECT_EQ(again, 0u) << "it is back: all of it is read";
  EXPECT_FALSE(replica.catch_up(stored("text", {0, 0}), changes));
  EXPECT_EQ(kinds_of(changes), "reloaded");
  EXPECT_EQ(replica.run().record.epoch, 1u);
  EXPECT_EQ(replica.epoch_known(), 3u);
}

TEST(RunReplica, RemembersAnEpochThatItHasOnlyHeardOf) {
  RunReplica replica(stored("text", {0, 0}));
  run::Changes changes;
  EXPECT_FALSE(replica.hear("E 2 4 1 1 in_progress\n", {}, changes));
  EXPECT_EQ(replica.run().record.epoch, 1u);
  EXPECT_EQ(replica.epoch_known(), 2u);
}

TEST(RunReplica, GoesOnWithoutItsBytesWhenTheyAreGone) {
  RunReplica replica(expired("text", {0, 0}));
  run::Changes changes;
  EXPECT_FALSE(replica.catch_up(expired("text", {0, 0}), changes)) << "as it was";
  EXPECT_EQ(kinds_of(changes), "");
  // Redis came back with a copy in which the run is open and has its bytes.
  EXPECT_EQ(replica.catch_up(stored("te", {0, 0}, 2), changes), 0u);
  EXPECT_FALSE(replica.catch_up(stored("te", {0, 0}), changes));
  EXPECT_EQ(kinds_of(changes), "reloaded");
  EXPECT_EQ(replica.run().log.bytes(), "te");
  EXPECT_TRUE(replica.hear("A 1 2 " + std::to_string(RunHash::of("text").first) + " " +
                               std::to_string(RunHash::of("text").second) + " in_progress\nxt",
                           {}, changes));
  EXPECT_EQ(replica.run().log.bytes(), "text");
}

TEST(RunReplica, ReadsAnewWhatLostItsBytesOrWasAnother) {
  RunReplica replica(expired("text", {0, 0}));
  run::Changes changes;
  EXPECT_FALSE(replica.hear("A 1 4 0 0 in_progress\n!", {}, changes))
      << "nothing can stand behind what is gone";
  EXPECT_FALSE(replica.catch_up(expired("another", {0, 0, 4}), changes));
  EXPECT_EQ(kinds_of(changes), "reloaded");
  EXPECT_TRUE(replica.run().log.is_expired());
  EXPECT_EQ(replica.run().log.size(), 7u);
}

}  // namespace
}  // namespace gw::redis
