// Random histories of one run, held against the record of oracle_testing.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "core/run/oracle_testing.h"
#include "core/run/run_machine.h"

namespace gw::run {
namespace {

constexpr int kSeeds = 10'000;
constexpr int kSteps = 100;

// Answers as one line, so that what is expected can be written down.
std::string answer_of(const RunResult<RunClaimed>& result) {
  if (!result) {
    std::string out(to_string(result.error().code));
    if (result.error().code == RunErrc::held)
      out += " " +
             std::to_string(std::chrono::milliseconds(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                          result.error().retry_after))
                                .count());
    return out;
  }
  return "epoch " + std::to_string(result->epoch) + " at " + std::to_string(result->pos) + " " +
         result->hash.text() + " " + std::string(to_string(result->status)) +
         (result->repeated ? " again" : "");
}

std::string answer_of(const RunResult<RunAppended>& result) {
  if (!result) {
    const RunRefusal& refusal = result.error();
    std::string out(to_string(refusal.code));
    if (refusal.code == RunErrc::fenced) out += " " + std::to_string(refusal.epoch);
    if (refusal.code == RunErrc::sequence_gap) out += " " + std::to_string(refusal.expected_seq);
    return out;
  }
  return (result->duplicate ? "duplicate " : "appended ") + std::to_string(result->seq) + " at " +
         std::to_string(result->pos) + " " + result->hash.text() + " " +
         std::string(to_string(result->status)) + (result->cancel_requested ? " cancel" : "");
}

// --- One history ------------------------------------------------------------------------------------------

class Story {
 public:
  using Counts = std::map<std::string, int>;

  Story(unsigned seed, Counts& answers) : seed_(seed), random_(seed), answers_(answers) {
    history_.format = chance(3) ? RunFormat::json : RunFormat::text;
    is_long_ = chance(25);
    mood_ = below(3);
    if (chance(3)) history_.limits.life = std::chrono::seconds(20 + below(100));
    NewRun asked;
    asked.format = history_.format;
    asked.bytes_max = is_long_ ? 20'000 : 60 + below(400);
    history_.bytes_max = asked.bytes_max;
    run_ = make(asked, history_.limits, t0);
  }

  // False when something was not as it should be; it has been told then.
  bool tell() {
    for (step_ = 0; step_ < kSteps && !failed_; ++step_) {
      const auto before = run_;
      changes_.clear();
      act();
      hear();
      check(before);
    }
    return !failed_;
  }
  bool reached(RunStatus status) const { return run_.record.status == status; }

 private:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool chance(unsigned in) { return below(in) == 0; }

  // Some runs have one patient owner, others are claimed all the time.
  void act() {
    const unsigned what = below(20);
    if (what < 12) return mood_ == 1 && what < 9 ? act_claim() : act_append();
    if (what < 15) return mood_ == 0 && history_.last() && !chance(8) ? act_append() : act_claim();
    if (what < 17) return act_heartbeat();
    if (what < 18) return chance(3) ? act_cancel() : act_heartbeat();
    if (mood_ == 2 || chance(3)) act_time();
  }

  void act_claim() {
    if (chance(5) && !claims_.empty()) {
      // A lost answer, or a late copy of an old call.
      const RunClaim again =
          chance(2) ? claims_.back() : claims_[below(static_cast<unsigned>(claims_.size()))];
      return claim(again);
    }
    RunClaim asked;
    asked.producer = names_[below(3)];
    if (!chance(3)) asked.token = "t" + std::to_string(chance(6) ? below(10) : ++tokens_);
    if (chance(2)) {
      const auto size = static_cast<unsigned>(history_.text.size());
      asked.keep = chance(3) ? 0 : below(size + (chance(4) ? 5 : 1));
      if (chance(4)) asked.keep = history_.last() ? history_.last()->text.size() : 0;
    }
    if (chance(4)) asked.epoch = history_.epoch() + below(3) - (history_.epoch() > 0 ? 1 : 0);
    if (chance(20)) asked.epoch_known = chance(10) ? 9990 + below(12) : below(20);
    asked.force = chance(5);
    asked.lease = std::chrono::milliseconds(2000 + below(4) * 1000);
    if (chance(3)) asked.takeover = std::chrono::seconds(below(8));
    if (chance(4)) asked.group = "g";
    claims_.push_back(asked);
    claim(asked);
  }

  void claim(const RunClaim& asked) {
    const std::string expected = expect_claim(history_, asked, now_);
    const auto claimed = run::claim(run_, asked, 30s, now_, changes_);
    same(answer_of(claimed), expected, "claim " + body_of(asked));
    if (!claimed || claimed->repeated) return;
    if (claimed->epoch <= epoch_max_) fail("I7: epoch given twice");
    epoch_max_ = claimed->epoch;
  }

  std::string batch() {
    static const std::string kPieces[] = {"a", "bc", "é", "😀", " ", "\"", "word", "\\n"};
    std::string out;
    for (unsigned left = is_long_ ? 50 + below(600) : below(9); left > 0; --left) out += kPieces[below(8)];
    if (history_.format == RunFormat::json) {
      for (size_t i = 3; i < out.size(); i += 7) {
        if ((static_cast<unsigned char>(out[i]) & 0x80) == 0) out[i] = '\n';
      }
      if (!out.empty()) out += '\n';
    }
    return out;
  }

  // By the owner, mostly; by owners of every epoch; what was sent before, or other bytes in its place.
  void act_append() {
    if (chance(4) && !appends_.empty()) {
      const auto count = static_cast<unsigned>(appends_.size());
      RunAppend again = chance(3) ? appends_[below(count)] : appends_.back();
      if (chance(4)) again.bytes = batch();
      if (chance(9)) again.end = chance(2) ? std::optional(RunEnd{}) : std::nullopt;
      return append(again);
    }
    RunAppend asked;
    const PastClaim* const owner = history_.last();
    asked.producer = owner && !chance(8) ? owner->producer : names_[below(3)];
    asked.epoch = owner && !chance(8) ? owner->epoch : below(history_.epoch() + 2);
    asked.seq = owner ? owner->batches.size() : 0;
    if (chance(10)) asked.seq = below(static_cast<unsigned>(asked.seq) + 4);
    asked.bytes = batch();
    if (chance(25)) {
      asked.end = RunEnd{static_cast<RunStatus>(2 + below(3)), {}, ""};
      if (chance(2)) asked.end->error = RunError{"e" + std::to_string(below(3)), "why"};
    }
    appends_.push_back(asked);
    append(asked);
  }

  void append(const RunAppend& asked) {
    const std::string expected = expect_append(history_, asked, now_);
    same(answer_of(run::append(run_, asked, now_, changes_)), expected,
         "append " + asked.producer + " " + std::to_string(asked.epoch) + " " + std::to_string(asked.seq));
  }

  void act_heartbeat() {
    RunHeartbeat beat{names_[below(3)], below(history_.epoch() + 2)};
    if (history_.last() && !chance(3)) beat = {history_.last()->producer, history_.last()->epoch};
    const std::string expected = expect_heartbeat(history_, beat, now_);
    const auto result = heartbeat(run_, beat, now_);
    std::string answer = result ? "in_progress " + std::to_string(result->pos) + " " + result->hash.text() +
                                      (result->cancel_requested ? " cancel" : "")
                                : std::string(to_string(result.error().code));
    same(answer, expected, "heartbeat");
  }

  void act_cancel() {
    const std::string expected = expect_cancel(history_, now_);
    same(std::string(to_string(cancel(run_, "why", now_, changes_))), expected, "cancel");
  }

  // To a deadline, a millisecond before or behind it, or somewhere.
  void act_time() {
    if (chance(3)) {
      now_ += std::chrono::milliseconds(below(3000));
    } else {
      const auto all = history_.deadlines();
      const WallTime to =
          all[below(static_cast<unsigned>(all.size()))] + std::chrono::milliseconds(below(3)) - 1ms;
      if (to - now_ > 60s && !chance(20)) return;
      now_ = std::max(now_, to);
    }
    // The engine looks when it has to, and not always at once.
    if (chance(8)) return;
    expect_time(history_, now_);
    const WallTime next = due(run_.record, history_.limits.cancel_grace);
    const bool was_over = is_over(run_.record.status);
    settle(run_, history_.limits.cancel_grace, now_, changes_);
    if (!was_over && is_over(run_.record.status) && now_ < next) fail("it ended before it was due");
    if (!was_over && !is_over(run_.record.status) && now_ >= next) fail("it was due and did not end");
  }

  // A client that hears every change.
  void hear() {
    for (const RunChange& change : changes_) {
      switch (change.kind) {
        case RunChange::Kind::append:
          if (change.epoch != heard_epoch_) fail("I6: bytes of another epoch");
          if (change.from != heard_.size()) fail("I3: a hole");
          heard_ += change.bytes;
          break;
        case RunChange::Kind::epoch:
          if (change.epoch <= heard_epoch_ || change.from > heard_.size()) fail("I3: an epoch that is none");
          heard_epoch_ = change.epoch;
          heard_.resize(std::min<size_t>(heard_.size(), change.from));
          break;
        case RunChange::Kind::end:
          if (change.from != heard_.size()) fail("I3: a hole before the end");
          heard_ += change.bytes;
          heard_epoch_ = change.epoch;
          if (++ends_ > 1) fail("I10: a second end");
          break;
        case RunChange::Kind::cancel: break;
        default: fail("a change that a run never has");
      }
    }
  }

  void check(const gw::Run& before) {
    const RunRecord& record = run_.record;
    if (run_.log.bytes() != history_.text) fail("I5: the log is not what was stored");
    if (heard_ != history_.text) fail("I1: a client has other text");
    if (heard_epoch_ != record.epoch) fail("a client has another epoch");
    if (run_.log.hash() != folded(history_.text)) fail("I2: hash");
    if (const size_t pos = below(static_cast<unsigned>(history_.text.size()) + 1);
        run_.log.hash_at(pos) != folded(history_.text.substr(0, pos)))
      fail("I2: hash at a place between");
    if (top_of(run_) != history_.top()) fail("the top is another");
    if (run_.log.epoch() != record.epoch) fail("the log's epoch is another");
    if (record.epoch == before.record.epoch && !run_.log.bytes().starts_with(before.log.bytes()))
      fail("I4: bytes of an epoch have changed");
    if (record.epoch < before.record.epoch) fail("I7: the epoch fell");
    if ((ends_ == 1) != is_over(record.status)) fail("I10: the end was not told");
    if (is_over(record.status)) check_end(before);
    check_resume();
  }

  void check_end(const gw::Run& before) {
    const RunRecord &now = run_.record, &was = before.record;
    if ((now.rare->error ? now.rare->error->code : "") != history_.over_code) fail("I10: another reason");
    if (!is_over(was.status)) return;
    const bool same_record = now.status == was.status && now.epoch == was.epoch &&
                             now.rare->error == was.rare->error && now.rare->result == was.rare->result &&
                             now.batches == was.batches && now.ended_at == was.ended_at &&
                             now.cancel_requested == was.cancel_requested && now.producer == was.producer &&
                             now.claim_epoch == was.claim_epoch && now.shown->token == was.shown->token;
    if (!same_record || run_.log.bytes() != before.log.bytes() || run_.log.bases() != before.log.bases())
      fail("I13: something changed after the end");
    if (!changes_.empty()) fail("I13: something was told after the end");
  }

  // Somebody who read in an epoch of the past goes on.
  void check_resume() {
    if (history_.claims.empty()) return;
    const PastClaim& past = history_.claims[below(static_cast<unsigned>(history_.claims.size()))];
    const std::string& had = past.batches.empty()
                                 ? past.text
                                 : past.batches[below(static_cast<unsigned>(past.batches.size()))].text_after;
    const RunResume resume = run_.log.resume(RunCursor{past.epoch, had.size(), folded(had)});
    const bool is_now = past.epoch == run_.record.epoch;
    if (resume.kind != (is_now ? RunResume::Kind::fits : RunResume::Kind::reset)) return fail("I17: resume");
    if (is_now && resume.pos != had.size()) return fail("I17: another place");
    if (!std::string_view(had).starts_with(history_.text.substr(0, resume.pos)))
      fail("I1: what a reader keeps is not in the log");
    // Nobody goes back further than needed, by what the claims since then have cut.
    size_t kept = had.size();
    for (const PastClaim& later : history_.claims)
      if (later.epoch > past.epoch) kept = std::min(kept, later.text.size());
    if (resume.pos != kept) fail("I18: not the common prefix");
  }

  void same(const std::string& answer, const std::string& expected, const std::string& call) {
    ++answers_[call.substr(0, call.find(' ')) + ": " + answer.substr(0, answer.find(' ')) +
               (answer.ends_with(" again") ? " again" : "")];
    if (answer != expected) fail(call + "\n  answered: " + answer + "\n  expected: " + expected);
  }
  void fail(const std::string& why) {
    ADD_FAILURE() << "seed " << seed_ << ", step " << step_ << ": " << why;
    failed_ = true;
  }

  const unsigned seed_;
  std::mt19937 random_;
  Counts& answers_;
  const std::string names_[3] = {"a", "b", "c"};
  History history_;
  gw::Run run_;
  Changes changes_;
  WallTime now_ = t0;
  int step_ = 0;
  bool failed_ = false;
  bool is_long_ = false;
  unsigned mood_ = 0;
  unsigned tokens_ = 0;
  std::vector<RunClaim> claims_;
  std::vector<RunAppend> appends_;
  uint32_t epoch_max_ = 0;
  std::string heard_;
  uint32_t heard_epoch_ = 0;
  int ends_ = 0;
};

TEST(RunOracle, AgreesWithTenThousandHistories) {
  std::array<int, 6> ended{};
  std::map<std::string, int> answers;
  int failures = 0;
  for (unsigned seed = 1; seed <= kSeeds && failures < 3; ++seed) {
    Story story(seed, answers);
    if (!story.tell()) ++failures;
    for (size_t i = 0; i < ended.size(); ++i) ended[i] += story.reached(static_cast<RunStatus>(i)) ? 1 : 0;
  }
  if (failures > 0) return;
  for (size_t i = 1; i < ended.size(); ++i)
    EXPECT_GT(ended[i], kSeeds / 100) << "few histories come to " << to_string(static_cast<RunStatus>(i));
  for (const char* answer :
       {"claim: epoch", "claim: epoch again", "claim: run_moved", "claim: run_held", "claim: run_ended",
        "append: appended", "append: duplicate", "append: fenced", "append: sequence_conflict",
        "append: sequence_gap", "append: run_ended", "append: run_too_large", "heartbeat: in_progress",
        "heartbeat: fenced", "heartbeat: run_ended", "cancel: asked", "cancel: already", "cancel: ended"})
    EXPECT_GT(answers[answer], kSeeds / 20) << answer;
}

}  // namespace
}  // namespace gw::run
