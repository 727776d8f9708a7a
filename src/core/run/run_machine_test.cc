#include "core/run/run_machine.h"

#include "core/run/run_machine_testing.h"

namespace gw::run {
namespace {

TEST_F(RunMachine, IsMadeQueued) {
  EXPECT_EQ(status(), "queued");
  EXPECT_EQ(top_of(run_), (RunTop{RunStatus::queued, 0, 0, {}}));
  EXPECT_EQ(due(run_.record, 5s), t0 + 60s);
  NewRun small;
  small.bytes_max = 10;
  EXPECT_EQ(make(small, limits_, t0).record.bytes_max, 10u);
  small.bytes_max = size_t{1} << 40;
  EXPECT_EQ(make(small, limits_, t0).record.bytes_max, limits_.run_bytes);
  small.claim = claim_of("a");
  EXPECT_FALSE(make(small, limits_, t0).record.is_realms);
  small.claim->realm = "shop";
  EXPECT_TRUE(make(small, limits_, t0).record.is_realms);
  EXPECT_EQ(make(small, limits_, t0).record.realm, "shop");
}

TEST_F(RunMachine, IsClaimedAppendedToAndEnded) {
  EXPECT_EQ(*claim("a"), (RunClaimed{1, 0, {}, 10s, RunStatus::in_progress, false}));
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::epoch, 1, 0, ""}}));
  EXPECT_EQ(*append("a", 1, 0, "Once "),
            (RunAppended{false, 0, 5, RunHash::of("Once "), RunStatus::in_progress, false}));
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::append, 1, 0, "Once "}}));
  EXPECT_EQ(*append("a", 1, 1, "upon", RunEnd{}),
            (RunAppended{false, 1, 9, RunHash::of("Once upon"), RunStatus::completed, false}));
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::end, 1, 5, "upon"}}));
  EXPECT_EQ(run_.record.epoch, 1u) << "its owner's ending is no new epoch";
  EXPECT_EQ(due(run_.record, 5s), t0 + 1h);
}

TEST_F(RunMachine, AnOwnersLeaseKeepsOthersOut) {
  claim("a");
  now_ += 4s;
  const auto held = claim("b");
  EXPECT_EQ(error_of(held), "run_held");
  EXPECT_EQ(held.error().retry_after, 6s);
  EXPECT_EQ(held.error().run->epoch, 1u);
  EXPECT_EQ(claim("a")->epoch, 2u) << "the same producer may at once";
  now_ += 10s - 1ms;
  EXPECT_EQ(error_of(claim("b")), "run_held");
  now_ += 1ms;
  EXPECT_TRUE(is_owner_lost(run_.record, now_));
  EXPECT_EQ(claim("b")->epoch, 3u);
  RunClaim force = claim_of("c");
  force.force = true;
  EXPECT_EQ(claim(force)->epoch, 4u);
}

TEST_F(RunMachine, FencesEveryOwnerButTheLast) {
  claim("a");
  append("a", 1, 0, "x");
  now_ += 10s;
  claim("b");
  const auto late = append("a", 1, 1, "y");
  EXPECT_EQ(error_of(late), "fenced");
  EXPECT_EQ(late.error().epoch, 2u);
  EXPECT_EQ(error_of(append("a", 2, 0, "y")), "fenced");
  EXPECT_EQ(error_of(append("b", 3, 0, "y")), "fenced");
  EXPECT_EQ(error_of(heartbeat(run_, {"a", 1}, now_)), "fenced");
  EXPECT_EQ(run_.log.bytes(), "x");
  RunAppend by_admin;
  by_admin.producer = "admin";
  by_admin.epoch = 2;
  by_admin.bytes = "z";
  EXPECT_EQ(error_of(append(by_admin)), "fenced");
  by_admin.any_producer = true;
  EXPECT_EQ(error_of(append(by_admin)), "none");
}

TEST_F(RunMachine, NobodyOwnsWhatIsQueued) {
  EXPECT_EQ(error_of(append("", 0, 0, "x")), "fenced");
  EXPECT_EQ(error_of(heartbeat(run_, {"", 0}, now_)), "fenced");
}

TEST_F(RunMachine, StoresABatchOnce) {
  claim("a");
  append("a", 1, 0, "one");
  append("a", 1, 1, "two");
  EXPECT_EQ(*append("a", 1, 0, "one"),
            (RunAppended{true, 0, 3, RunHash::of("one"), RunStatus::in_progress, false}));
  EXPECT_TRUE(changes_.empty());
  EXPECT_EQ(error_of(append("a", 1, 0, "eno")), "sequence_conflict");
  EXPECT_EQ(error_of(append("a", 1, 0, "one", RunEnd{})), "sequence_conflict") << "an end is part of it";
  const auto gap = append("a", 1, 3, "x");
  EXPECT_EQ(error_of(gap), "sequence_gap");
  EXPECT_EQ(gap.error().expected_seq, 2u);
  for (uint64_t seq = 2; seq < 18; ++seq) append("a", 1, seq, "x");
  EXPECT_EQ(error_of(append("a", 1, 1, "two")), "sequence_conflict") << "16 are remembered";
  EXPECT_TRUE(append("a", 1, 2, "x")->duplicate);
  EXPECT_EQ(run_.log.size(), 22u);
}

TEST_F(RunMachine, RefusesWhatIsTooLargeAndGoesOn) {
  run_.record.bytes_max = 10;
  claim("a");
  EXPECT_EQ(error_of(append("a", 1, 0, std::string(11, 'x'))), "run_too_large");
  EXPECT_EQ(error_of(append("a", 1, 0, std::string(10, 'x'))), "none");
  EXPECT_EQ(error_of(append("a", 1, 1, "x")), "run_too_large");
  EXPECT_EQ(error_of(append("a", 1, 1, "", RunEnd{})), "none");
  EXPECT_EQ(error_of(append("a", 1, 1, "", RunEnd{})), "none") << "again";
  EXPECT_EQ(error_of(append("a", 1, 2, "x")), "run_ended");
}

TEST_F(RunMachine, TakesOnlyItsOwnFormat) {
  claim("a");
  RunAppend append;
  append.producer = "a";
  append.epoch = 1;
  append.bytes = "{}\n";
  append.format = RunFormat::json;
  EXPECT_EQ(error_of(this->append(append)), "invalid_argument");
  append.format = RunFormat::text;
  EXPECT_EQ(error_of(this->append(append)), "none");
  for (const RunStatus status : {RunStatus::queued, RunStatus::in_progress, RunStatus::abandoned})
    EXPECT_EQ(error_of(this->append("a", 1, 1, "", RunEnd{status})), "invalid_argument");
}

TEST_F(RunMachine, AClaimCutsOnlyWhereReadersMayBeCut) {
  claim("a");
  append("a", 1, 0, "aé😀b");
  RunClaim cut = claim_of("a");
  for (const uint64_t keep : {2u, 4u, 5u, 6u, 9u, 100u}) {
    cut.keep = keep;
    EXPECT_EQ(error_of(claim(cut)), "run_moved") << keep;
  }
  cut.keep = 3;
  EXPECT_EQ(*claim(cut), (RunClaimed{2, 3, RunHash::of("aé"), 10s, RunStatus::in_progress, false}));
  EXPECT_EQ(changes_, (Changes{{RunChange::Kind::epoch, 2, 3, ""}}));
  EXPECT_EQ(append("a", 2, 0, "!")->pos, 4u) << "seqs begin anew";
  run_.record.format = RunFormat::json;
  cut.keep = 0;
  claim(cut);
  append("a", 3, 0, "{}\n[]\n");
  cut.keep = 2;
  EXPECT_EQ(error_of(claim(cut)), "run_moved") << "inside a line";
  cut.keep = 3;
  EXPECT_EQ(error_of(claim(cut)), "none");
}

TEST_F(RunMachine, AClaimMayNameItsEpoch) {
  RunClaim claim = claim_of("a");
  claim.epoch = 0;
  EXPECT_EQ(this->claim(claim)->epoch, 1u);
  EXPECT_EQ(error_of(this->claim(claim)), "run_moved") << "an old one";
  claim.epoch = 4;
  EXPECT_EQ(this->claim(claim)->epoch, 5u) << "the claimer has heard of one that the engine has lost";
  claim.epoch_known = 7;
  claim.epoch = 5;
  EXPECT_EQ(this->claim(claim)->epoch, 8u) << "a later one has been heard of";
  EXPECT_EQ(run_.log.bases().size(), 9u);
}

TEST_F(RunMachine, TheSameClaimAgainIsAnsweredTheSame) {
  RunClaim first = claim_of("a");
  first.token = "t1";
  const auto answer = claim(first);
  append("a", 1, 0, "text");
  now_ += 3s;
  auto again = claim(first);
  EXPECT_TRUE(changes_.empty());
  EXPECT_TRUE(again->repeated);
  again->repeated = false;
  EXPECT_EQ(*again, *answer);
  EXPECT_EQ(run_.record.lease_until, t0 + 10s);
  RunClaim other = first;
  other.keep = 0;
  EXPECT_EQ(error_of(claim(other)), "run_moved") << "another body";
  RunClaim second = claim_of("a");
  second.token = "t2";
  EXPECT_EQ(claim(second)->epoch, 2u);
  now_ += 1h;
  EXPECT_EQ(error_of(claim(first)), "run_moved") << "late: it would cut what its successor wrote";
  EXPECT_EQ(run_.log.bytes(), "text");
}

TEST_F(RunMachine, ARepeatedClaimOfARunThatIsOverSaysSo) {
  RunClaim claim = claim_of("a");
  claim.token = "t";
  this->claim(claim);
  append("a", 1, 0, "text", RunEnd{});
  run_.log.expire();
  EXPECT_EQ(*this->claim(claim), (RunClaimed{1, 0, {}, 10s, RunStatus::completed, true}));
  EXPECT_EQ(error_of(this->claim("b")), "run_ended");
}

TEST_F(RunMachine, TellsWhoMaySeeIt) {
  using Kind = RunAudience::Kind;
  ChannelSet granted;
  granted.add(3);
  const RunViewer ann{"ws_1", true, "s1", "ann", "red", granted};
  const RunViewer nobody{"ws_2", false, {}, {}, {}, granted};
  const auto sees = [](const RunAudience& audience, const RunViewer& viewer, ChannelIndex channel = 3) {
    return may_see(audience, channel, viewer);
  };
  EXPECT_TRUE(sees({Kind::user, "ann", "red"}, ann));
  EXPECT_FALSE(sees({Kind::user, "ann", "red"}, ann, 4)) << "the channel is not granted";
  EXPECT_FALSE(sees({Kind::user, "ann", ""}, ann)) << "another tenant's ann";
  EXPECT_FALSE(sees({Kind::user, "bob", "red"}, ann));
  EXPECT_FALSE(sees({Kind::user, "", ""}, nobody));
  EXPECT_TRUE(sees({Kind::session, "s1", "red"}, ann));
  EXPECT_FALSE(sees({Kind::session, "s2", "red"}, ann));
  EXPECT_FALSE(sees({Kind::session, "", ""}, nobody));
  EXPECT_TRUE(sees({Kind::connection, "ws_1", ""}, ann));
  EXPECT_TRUE(sees({Kind::connection, "ws_2", ""}, nobody));
  EXPECT_FALSE(sees({Kind::connection, "ws_1", ""}, nobody));
  EXPECT_TRUE(sees({Kind::channel, "", ""}, nobody));
  EXPECT_TRUE(sees({Kind::channel, "", "red"}, ann));
  EXPECT_FALSE(sees({Kind::channel, "", "red"}, nobody));
  EXPECT_FALSE(sees({Kind::channel, "", "blue"}, ann));
  EXPECT_TRUE(sees({Kind::anonymous, "", ""}, nobody));
  EXPECT_FALSE(sees({Kind::anonymous, "", ""}, ann)) << "they never meet";
}

}  // namespace
}  // namespace gw::run
