// How a run ends without its owner: nobody comes, the owner is lost, somebody cancels, its day is over.
#include "core/run/run_machine_testing.h"

namespace gw::run {
namespace {

TEST_F(RunMachine, NobodyComesInTime) {
  settle(60s - 1ms);
  EXPECT_EQ(status(), "queued");
  settle(1ms);
  EXPECT_EQ(status(), "abandoned");
  EXPECT_EQ(end_code(), "no_agent");
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::end, 1, 0, ""}}));
  EXPECT_EQ(error_of(claim("a")), "run_ended");
}

TEST_F(RunMachine, AnOwnerIsLostAfterLeaseAndTakeover) {
  RunClaim claim = claim_of("a");
  claim.takeover = 20s;
  this->claim(claim);
  append("a", 1, 0, "half");
  now_ += 5s;
  heartbeat(run_, {"a", 1}, now_);
  settle(30s - 1ms);
  EXPECT_EQ(status(), "in_progress");
  EXPECT_EQ(due(run_.record, 5s), now_ + 1ms);
  settle(1ms);
  EXPECT_EQ(status(), "abandoned");
  EXPECT_EQ(end_code(), "agent_lost");
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::end, 2, 4, ""}}));
  EXPECT_TRUE(append("a", 1, 0, "half")->duplicate) << "its last owner's stored seq";
  EXPECT_EQ(error_of(append("a", 1, 1, "x")), "run_ended");
  EXPECT_EQ(error_of(heartbeat(run_, {"a", 1}, now_)), "run_ended");
}

TEST_F(RunMachine, AGroupsDeliveryHasATakeoverWindow) {
  claim("a");
  EXPECT_EQ(run_.record.takeover, 0s);
  RunClaim claim = claim_of("a");
  claim.group = "g";
  this->claim(claim);
  EXPECT_EQ(run_.record.takeover, 35s);
}

TEST_F(RunMachine, AnOwnerWhoComesBackGoesOn) {
  RunClaim claim = claim_of("a");
  claim.takeover = 20s;
  this->claim(claim);
  now_ += 25s;
  EXPECT_TRUE(is_owner_lost(run_.record, now_));
  EXPECT_EQ(error_of(append("a", 1, 0, "x")), "none");
  EXPECT_FALSE(is_owner_lost(run_.record, now_));
}

TEST_F(RunMachine, ACancelAsksItsOwnerFirst) {
  claim("a");
  EXPECT_EQ(cancel(), RunCancelled::asked);
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::cancel, 1, 0, ""}}));
  EXPECT_TRUE(heartbeat(run_, {"a", 1}, now_)->cancel_requested);
  EXPECT_EQ(cancel(), RunCancelled::already);
  EXPECT_TRUE(changes_.empty());
  settle(5s - 1ms);
  EXPECT_TRUE(append("a", 1, 0, "still ")->cancel_requested);
  settle(1ms);
  EXPECT_EQ(status(), "cancelled");
  EXPECT_EQ(*run_.record.rare->error, (RunError{"cancelled", "enough"}));
  EXPECT_EQ(cancel(), RunCancelled::ended);
  EXPECT_EQ(error_of(append("a", 1, 1, "x")), "run_ended");
}

TEST_F(RunMachine, TheLastBatchesAreKnownEvenWhereTheLogHasMadeRoom) {
  claim("a");
  std::vector<RunAppended> told;
  const RunEnd end{RunStatus::failed, RunError{"why", "é"}, "{}"};
  const auto text = [](uint64_t seq) { return std::string(seq * 40 % 600, static_cast<char>('a' + seq)); };
  const auto say = [&](uint64_t seq, const std::string& bytes) {
    return append("a", 1, seq, bytes, seq == 19 ? std::optional(end) : std::nullopt);
  };
  for (uint64_t seq = 0; seq < 20; ++seq) told.push_back(*say(seq, text(seq)));
  const auto receipts = run::receipts(run_);
  ASSERT_EQ(receipts.size(), RunBatches::kKept);
  for (const bool is_expired : {false, true}) {
    SCOPED_TRACE(is_expired);
    if (is_expired) expire(run_);
    EXPECT_EQ(run::receipts(run_), receipts);
    for (uint64_t seq = 0; seq < 20; ++seq) {
      const auto again = say(seq, text(seq));
      EXPECT_EQ(error_of(say(seq, text(seq) + "!")), "sequence_conflict");
      if (seq < 4) {
        EXPECT_EQ(error_of(again), "sequence_conflict") << "long ago";
        continue;
      }
      ASSERT_TRUE(again) << seq;
      EXPECT_TRUE(again->duplicate);
      EXPECT_EQ(again->pos, told[seq].pos);
      EXPECT_EQ(again->hash, told[seq].hash);
    }
    EXPECT_EQ(error_of(append("a", 1, 19, text(19))), "sequence_conflict") << "without its end";
    EXPECT_EQ(error_of(append("a", 1, 18, text(18), end)), "sequence_conflict") << "with another's";
    EXPECT_EQ(error_of(append("a", 1, 20, "")), "run_ended");
  }
}

TEST_F(RunMachine, AnEndOfTheGatewayIsNoneOfTheLastBatch) {
  claim("a");
  append("a", 1, 0, "text");
  settle(RunLimits::kLease);
  ASSERT_EQ(status(), "abandoned");
  EXPECT_TRUE(append("a", 1, 0, "text")->duplicate);
  EXPECT_EQ(error_of(append("a", 1, 0, "text", RunEnd{RunStatus::abandoned, {}, ""})), "invalid_argument");
  EXPECT_EQ(error_of(append("a", 1, 0, "text", RunEnd{})), "sequence_conflict");
}

TEST_F(RunMachine, WithinTheGraceItsOwnersEndingStands) {
  claim("a");
  cancel();
  now_ += 4s;
  append("a", 1, 0, "done", RunEnd{RunStatus::completed, {}, "{}"});
  settle(10s);
  EXPECT_EQ(status(), "completed");
  EXPECT_EQ(run_.record.rare->result, "{}");
}

TEST_F(RunMachine, WithoutAnOwnerACancelIsAtOnce) {
  EXPECT_EQ(cancel(), RunCancelled::asked);
  EXPECT_EQ(status(), "cancelled");
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::end, 1, 0, ""}}));
}

TEST_F(RunMachine, WhereItsOwnerIsLostACancelIsAtOnce) {
  RunClaim claim = claim_of("a");
  claim.takeover = 20s;
  this->claim(claim);
  now_ += 10s;
  EXPECT_EQ(cancel(), RunCancelled::asked);
  EXPECT_EQ(status(), "cancelled");
}

TEST_F(RunMachine, LivesForADay) {
  claim("a");
  for (int hour = 0; hour < 24; ++hour) {
    EXPECT_EQ(status(), "in_progress");
    now_ += 1h;
    heartbeat(run_, {"a", 1}, now_);
    settle();
  }
  EXPECT_EQ(status(), "failed");
  EXPECT_EQ(end_code(), "deadline");
}

TEST_F(RunMachine, AnEngineThatSleptEndsNothing) {
  claim("a");
  cancel();
  now_ += 48h;
  grace(run_, limits_, now_);
  settle();
  EXPECT_EQ(status(), "in_progress");
  EXPECT_EQ(due(run_.record, limits_.cancel_grace), now_ + 5s);
  NewRun queued;
  gw::Run other = make(queued, limits_, t0);
  grace(other, limits_, now_);
  EXPECT_EQ(due(other.record, limits_.cancel_grace), now_ + 10s) << "its day is over, but for a lease";
  grace(other, limits_, t0);
  EXPECT_LE(due(other.record, limits_.cancel_grace), t0 + 60s) << "a clock that was set back";
}

TEST_F(RunMachine, EpochsEnd) {
  RunClaim claim = claim_of("a");
  claim.epoch_known = RunLimits::kEpochMax - 2;
  EXPECT_EQ(this->claim(claim)->epoch, 9998u);
  EXPECT_EQ(error_of(this->claim("a")), "run_ended");
  EXPECT_EQ(status(), "failed");
  EXPECT_EQ(end_code(), "too_many_claims");
  EXPECT_EQ(run_.record.epoch, 9999u);
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::end, 9999, 0, ""}}));
}

}  // namespace
}  // namespace gw::run
