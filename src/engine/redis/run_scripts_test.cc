// The scripts of runs do what core/run/run_machine.h does: the same random histories, the same answers.
#include <random>

#include "core/run/run_machine.h"
#include "engine/redis/run_testing.h"

namespace gw {
namespace {

constexpr int kSteps = 1500;

class RunScripts : public RunTest {
 protected:
  size_t random(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random_); }
  bool chance(int percent) { return random(100) < static_cast<size_t>(percent); }

  std::string bytes() {
    static const std::string kPieces[] = {"a", "é", "€", "😀", "word ", "\n", "\"x\"\n"};
    std::string out;
    const size_t count = chance(5) ? 600 : random(12);
    for (size_t i = 0; i < count; ++i) out += kPieces[random(std::size(kPieces))];
    if (machine_.record.format == RunFormat::json) out += "\n";
    return out;
  }
  std::string producer() { return std::string(1, static_cast<char>('a' + random(3))); }

  RunClaim random_claim() {
    RunClaim claim;
    claim.producer = producer();
    claim.lease = 120s;
    claim.force = chance(30);
    if (chance(40)) claim.token = "t" + std::to_string(random(12)) + "\n";
    if (chance(40)) claim.keep = random(machine_.log.size() + 3);
    if (chance(20)) claim.epoch = machine_.record.epoch + static_cast<uint32_t>(random(3));
    if (claim.epoch > 0U && chance(50)) --*claim.epoch;
    if (chance(10)) claim.epoch_known = machine_.record.epoch + static_cast<uint32_t>(random(3));
    if (chance(1)) claim.epoch_known = 9998;
    if (chance(20)) claim.group = "g", claim.delivery_id = "1-1";
    return claim;
  }
  RunAppend random_append() {
    if (!sent_.empty() && chance(15)) {
      RunAppend again = sent_[sent_.size() - 1 - random(std::min<size_t>(sent_.size(), 20))];
      if (chance(30)) again.bytes += "!";
      return again;
    }
    const RunRecord& record = machine_.record;
    RunAppend append;
    append.producer = chance(97) ? record.producer.str() : producer();
    append.any_producer = chance(2);
    append.epoch = record.claim_epoch - (chance(3) ? 1 : 0);
    append.seq = record.batches.next() + (chance(3) ? 1 + random(2) : 0);
    append.bytes = bytes();
    if (chance(50)) append.format = record.format;
    if (chance(3)) append.format = chance(50) ? RunFormat::json : RunFormat::text;
    if (chance(3)) {
      append.end = RunEnd{static_cast<RunStatus>(2 + random(3)), {}, chance(50) ? "{\"n\":1}" : ""};
      if (chance(50)) append.end->error = RunError{"its_own", "it \"failed\"\n"};
    }
    sent_.push_back(append);
    return append;
  }

  template <class T>
  void expect_same(const RunResult<T>& redis, const RunResult<T>& machine) {
    ASSERT_EQ(code_of(redis), code_of(machine)) << where_ << " " << (redis ? "" : redis.error().detail);
    if (redis) {
      EXPECT_EQ(*redis, *machine) << where_;
      return;
    }
    EXPECT_EQ(redis.error().run, machine.error().run) << where_;
    EXPECT_EQ(redis.error().expected_seq, machine.error().expected_seq) << where_;
    EXPECT_EQ(redis.error().epoch, machine.error().epoch) << where_;
    EXPECT_EQ(redis.error().retry_after > 0s, machine.error().retry_after > 0s) << where_;
  }

  void expect_same_trace(const std::optional<RunTrace>& a, const std::optional<RunTrace>& b) {
    ASSERT_EQ(a.has_value(), b.has_value()) << where_;
    if (!a) return;
    EXPECT_EQ(a->span.context, b->span.context);
    EXPECT_EQ(a->first_claim_at.has_value(), b->first_claim_at.has_value()) << where_;
    EXPECT_EQ(a->first_byte_at.has_value(), b->first_byte_at.has_value()) << where_;
  }

  void expect_same_run() {
    const auto stored = find(*runs_, id_);
    ASSERT_TRUE(stored);
    const RunRecord &a = stored->record, &b = machine_.record;
    EXPECT_EQ(top_of(*stored), top_of(machine_)) << where_;
    EXPECT_EQ(stored->log.bytes(), machine_.log.bytes()) << where_;
    EXPECT_EQ(stored->log.bases(), machine_.log.bases()) << where_;
    EXPECT_EQ(a.claim_epoch, b.claim_epoch);
    EXPECT_EQ(a.producer, b.producer);
    EXPECT_EQ(a.shown->group, b.shown->group);
    EXPECT_EQ(a.shown->delivery_id, b.shown->delivery_id);
    EXPECT_EQ(a.takeover, b.takeover);
    EXPECT_EQ(a.rare->receipts, run::receipts(machine_)) << where_;
    EXPECT_EQ(a.cancel_requested, b.cancel_requested);
    EXPECT_EQ(a.rare->cancel_reason, b.rare->cancel_reason);
    EXPECT_EQ(a.rare->error, b.rare->error) << where_;
    EXPECT_EQ(a.rare->result, b.rare->result);
    expect_same_trace(a.rare->trace, b.rare->trace);
    EXPECT_EQ(reader_->text, machine_.log.bytes()) << where_;
    EXPECT_EQ(reader_->epoch, machine_.log.epoch()) << where_;
  }

  void begin_run() {
    id_ = "r" + std::to_string(++made_);
    NewRun run = new_run(id_);
    run.audience = {RunAudience::Kind::channel, "", ""};
    run.format = chance(30) ? RunFormat::json : RunFormat::text;
    run.bytes_max = 4000;
    if (chance(50)) run.span = begin_span({}, protocol::new_trace(true), {}, 1);
    machine_ = run::make(run, {}, wall_now());
    sent_.clear();
    ASSERT_TRUE(create(*runs_, run));
    reader_ = std::make_unique<FollowingReader>();
    ASSERT_TRUE(read(*runs_, id_, *reader_));
  }

  void step() {
    run::Changes changes;
    const WallTime now = wall_now();
    const size_t what = random(100);
    if (what < 12) {
      const RunClaim asked = random_claim();
      where_ += " claim";
      expect_same<RunClaimed>(claim(*runs_, id_, asked), run::claim(machine_, asked, 30s, now, changes));
    } else if (what < 90) {
      const RunAppend asked = random_append();
      where_ += " append";
      expect_same<RunAppended>(append(*runs_, id_, asked), run::append(machine_, asked, now, changes));
    } else if (what < 98) {
      const RunHeartbeat asked{machine_.record.producer, machine_.record.claim_epoch - (chance(20) ? 1 : 0)};
      where_ += " heartbeat";
      expect_same<RunBeat>(heartbeat(*runs_, id_, asked), run::heartbeat(machine_, asked, now));
    } else {
      where_ += " cancel";
      expect_same<RunCancelled>(cancel(*runs_, id_, "enough"), run::cancel(machine_, "enough", now, changes));
    }
    for (const RunChange& change : changes) said_ += change.kind == RunChange::Kind::end;
  }

  std::mt19937 random_{20261126};
  RunStore* runs_ = nullptr;
  std::string id_, where_;
  int made_ = 0, said_ = 0;
  gw::Run machine_;
  std::vector<RunAppend> sent_;
  std::unique_ptr<FollowingReader> reader_;
};

TEST_F(RunScripts, AnswerAsTheMachineDoes) {
  redis::EngineOptions options = redis_options(EngineUnderTest::redis, "gw-1");
  options.runs.limits.appends_per_second = 0;
  options.runs.limits.open_runs = 100'000;
  options.runs.limits.cancel_grace = 1h;
  const auto instance = start(std::make_unique<redis::Engine>(loop_, channels_, options));
  runs_ = &instance->engine().runs();
  begin_run();
  int since_end = 0;
  for (int i = 0; i < kSteps && !HasFailure(); ++i) {
    where_ = "step " + std::to_string(i) + " of " + id_;
    step();
    if (is_over(machine_.record.status)) ++since_end;
    if (i % 20 == 0 || since_end == 10) {
      EXPECT_TRUE(until(
          [&] { return reader_->text == machine_.log.bytes() && reader_->epoch == machine_.log.epoch(); }));
      expect_same_run();
    }
    if (since_end == 10 || reader_->text.size() > 3900) {
      EXPECT_EQ(reader_->ends, is_over(machine_.record.status) ? 1 : 0);
      since_end = 0;
      begin_run();
    }
  }
  reader_.reset();  // before its store
  EXPECT_GT(made_, 10);
  EXPECT_GT(said_, 10);
}

}  // namespace
}  // namespace gw
