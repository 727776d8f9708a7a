// Framed runs on both engines: whoever ends one, its log ends with it, as its protocol has it.
#include "core/run/framed_story_testing.h"
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

constexpr RunFormat kFormats[] = {RunFormat::ai_sdk, RunFormat::ag_ui};

protocol::FramedProtocol protocol_of(RunFormat format) {
  return format == RunFormat::ai_sdk ? protocol::FramedProtocol::ai_sdk : protocol::FramedProtocol::ag_ui;
}

class RunFramingContract : public RunContract {
 protected:
  static NewRun framed(const std::string& id, RunFormat format) {
    NewRun run = new_run(id);
    run.format = format;
    run.thread_id = "chat-1";
    return run;
  }
  static std::string name(RunFormat format, const std::string& what) {
    return what + "-" + std::string(to_string(format));
  }
  RunResult<RunAppended> say(const std::string& id, uint64_t seq, const std::string& text,
                             std::optional<RunEnd> end = {}, uint32_t epoch = 1) {
    RunAppend append = append_of("a", epoch, seq, text, std::move(end));
    append.format = RunFormat::text;
    return this->append(id, append);
  }
  RunResult<RunAppended> say_items(const std::string& id, uint64_t seq, const std::string& lines) {
    RunAppend append = append_of("a", 1, seq, lines);
    append.format = RunFormat::json;
    return this->append(id, append);
  }
  std::string log_of(const std::string& id) {
    const auto run = find(id);
    return run ? run->log.bytes() : error_of(run);
  }
  // Its log, and what its reader has heard, are whole, and end so.
  void expect_end(const std::string& id, RunFormat format, const TestRunReader& reader,
                  const std::string& terminal) {
    SCOPED_TRACE(id);
    ASSERT_TRUE(until([&] {
      const auto is_end = [](const RunChange& change) { return change.kind == RunChange::Kind::end; };
      return std::any_of(reader.changes.begin(), reader.changes.end(), is_end);
    }));
    protocol::FramedStreamReader stream(protocol_of(format));
    EXPECT_EQ(stream.read(reader.text), "");
    EXPECT_TRUE(stream.is_over()) << reader.text;
    EXPECT_EQ(stream.terminal(), terminal) << reader.text;
    const auto run = find(id);
    if (!run) return;  // it was removed
    EXPECT_EQ(run->log.bytes(), reader.text);
    EXPECT_EQ(run->log.hash(), RunHash::of(reader.text));
  }
};

TEST_P(RunFramingContract, BeginsWithItsMaking) {
  begin();
  NewRun asked = framed("r", RunFormat::ag_ui);
  asked.client_run_id = "theirs";
  asked.messages = "[{\"id\":\"u\",\"role\":\"user\",\"content\":\"q\"}]";
  ASSERT_TRUE(create(asked));
  const std::string head =
      "{\"type\":\"RUN_STARTED\",\"threadId\":\"chat-1\",\"runId\":\"theirs\"}\n{\"type\":\"MESSAGES_"
      "SNAPSHOT\","
      "\"messages\":[{\"id\":\"u\",\"role\":\"user\",\"content\":\"q\"}]}\n";
  EXPECT_EQ(log_of("r"), head);
  const auto reader = read("r");
  const auto claimed = claim("r", "a");
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->pos, head.size());
  EXPECT_EQ(claimed->hash, RunHash::of(head));
  const auto said = say("r", 0, "Hi");
  ASSERT_TRUE(said);
  EXPECT_EQ(say("r", 0, "Hi")->pos, said->pos);
  EXPECT_TRUE(until([&] { return reader->text == log_of("r"); })) << reader->text;
  asked.run_id = "small";
  asked.bytes_max = 200;
  EXPECT_EQ(error_of(create(asked)), "run_too_large");
}

TEST_P(RunFramingContract, EndsAsItsOwnerSays) {
  begin();
  const std::pair<RunEnd, std::string> ends[] = {
      {RunEnd{}, "stop"},
      {RunEnd{RunStatus::failed, RunError{"mine", "why"}}, "error"},
      {RunEnd{RunStatus::cancelled, {}, "{\"n\":1}"}, "other"}};
  for (const RunFormat format : kFormats) {
    for (const auto& [end, terminal] : ends) {
      const std::string id = name(format, terminal);
      ASSERT_TRUE(create(framed(id, format)));
      const auto reader = read(id);
      ASSERT_TRUE(claim(id, "a"));
      ASSERT_TRUE(say(id, 0, "Once upon"));
      const auto last = say(id, 1, " a time", end);
      ASSERT_TRUE(last);
      expect_end(id, format, *reader, terminal);
      EXPECT_EQ(last->pos, reader->text.size());
      const auto again = say(id, 1, " a time", end);
      ASSERT_TRUE(again);
      EXPECT_TRUE(again->duplicate);
      EXPECT_EQ(again->hash, last->hash);
    }
  }
}

TEST_P(RunFramingContract, EndsAsTheGatewaySays) {
  limits_.start_timeout = 1s;
  limits_.cancel_grace = 100ms;
  begin();
  RunClaim brief = claim_of("a");
  brief.lease = 1s;
  for (const RunFormat format : kFormats) {
    std::vector<std::pair<std::string, std::shared_ptr<TestRunReader>>> runs;
    for (const std::string what : {"queued", "asleep", "lost", "grace", "removed"}) {
      const std::string id = name(format, what);
      ASSERT_TRUE(create(framed(id, format)));
      if (what != "queued" && what != "asleep") {
        ASSERT_TRUE(claim(id, brief));
        ASSERT_TRUE(say(id, 0, "word"));
      }
      runs.emplace_back(id, read(id));
    }
    ASSERT_TRUE(cancel(runs[0].first));
    ASSERT_TRUE(cancel(runs[3].first));
    ASSERT_TRUE(remove(runs[4].first));
    expect_end(runs[0].first, format, *runs[0].second, "other");
    expect_end(runs[4].first, format, *runs[4].second, "other");
    expect_end(runs[3].first, format, *runs[3].second, "other");
    expect_end(runs[1].first, format, *runs[1].second, "error");
    EXPECT_EQ(end_code_of(runs[1].first), "no_agent");
    expect_end(runs[2].first, format, *runs[2].second, "error");
    EXPECT_EQ(end_code_of(runs[2].first), "agent_lost");
  }
}

TEST_P(RunFramingContract, BeginsAnotherAttemptInsteadOfCutting) {
  begin();
  for (const RunFormat format : kFormats) {
    const std::string id = name(format, "r");
    ASSERT_TRUE(create(framed(id, format)));
    const auto reader = read(id);
    RunClaim anew = claim_of("a", "t1"), cut = claim_of("a");
    anew.keep = 0;
    cut.keep = 10;
    const auto first = claim(id, anew);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->pos, log_of(id).size());
    ASSERT_TRUE(say(id, 0, "wrong"));
    EXPECT_EQ(error_of(claim(id, cut)), "invalid_argument");
    const std::string before = log_of(id);
    anew.token = "t2";
    const auto second = claim(id, anew);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->pos, log_of(id).size());
    EXPECT_EQ(find(id)->log.bases()[2], before.size());
    ASSERT_TRUE(say(id, 0, "right", RunEnd{}, 2));
    const auto again = claim(id, anew);
    ASSERT_TRUE(again && again->repeated);
    EXPECT_EQ(again->pos, second->pos);
    EXPECT_EQ(again->hash, second->hash);
    expect_end(id, format, *reader, "stop");
    protocol::FramedStreamReader stream(protocol_of(format));
    stream.read(reader->text);
    EXPECT_EQ(stream.text(), "right");
  }
}

TEST_P(RunFramingContract, RefusesWhatItsReadersWouldNotTake) {
  begin();
  ASSERT_TRUE(create(framed("r", RunFormat::ai_sdk)));
  ASSERT_TRUE(claim("r", "a"));
  const auto refused = say_items("r", 0, "{\"type\":\"start-step\"}\n{\"type\":\"text-end\",\"id\":\"0\"}\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(error_of(refused), "invalid_argument");
  EXPECT_EQ(refused.error().detail, "items[1] (text-end): there is no open part \"0\"");
  ASSERT_TRUE(say("r", 0, "text"));
  EXPECT_EQ(error_of(say_items("r", 1, "{\"type\":\"start-step\"}\n")), "mixed_framing");
  ASSERT_TRUE(say("r", 1, "text"));
}

// The last epoch is the gateway's.
TEST_P(RunFramingContract, EndsWhenItIsClaimedTooOften) {
  begin();
  for (const RunFormat format : kFormats) {
    const std::string id = name(format, "r");
    ASSERT_TRUE(create(framed(id, format)));
    const auto reader = read(id);
    RunClaim late = claim_of("a");
    late.epoch_known = 9997;
    ASSERT_TRUE(claim(id, late));
    ASSERT_TRUE(say(id, 0, "word", {}, 9998));
    EXPECT_EQ(error_of(claim(id, "a")), "run_ended");
    expect_end(id, format, *reader, "error");
  }
}

// --- Random histories -------------------------------------------------------------------------------------

struct StoryRuns {
  std::function<RunResult<RunClaimed>(const RunClaim&)> claim;
  std::function<RunResult<RunAppended>(const RunAppend&)> append;
  std::function<void()> cancel;
  std::function<void(Duration)> pass;
  std::function<std::pair<RunStatus, std::string>()> look;
};

TEST_P(RunFramingContract, HoldsThroughRandomHistories) {
  limits_.made_per_second = 0;
  limits_.kept_runs_per_user = limits_.open_runs_per_user = 10'000;
  limits_.appends_burst = 10'000;
  limits_.cancel_grace = 50ms;
  begin();
  const bool is_exact = under_test_->has_exact_clock();
  std::map<std::string, int> counts;
  for (unsigned seed = 1; seed <= (is_exact ? 300u : 4u) && !HasFailure(); ++seed) {
    NewRun asked = framed("r" + std::to_string(seed), kFormats[seed % 2]);
    asked.bytes_max = 2500;
    const std::string& id = asked.run_id;
    ASSERT_TRUE(create(asked));
    const auto reader = read(id);
    StoryRuns runs{
        [&](const RunClaim& claim) { return this->claim(id, claim); },
        [&](const RunAppend& append) { return this->append(id, append); },
        [&] { cancel(id); },
        [&](Duration time) { pass(is_exact ? time : std::min<Duration>(time, 100ms)); },
        [&] {
          const auto run = find(id);
          return std::pair(run->record.status, run->log.bytes());
        },
    };
    run::FramedStory<StoryRuns> story(seed, asked.format, asked.bytes_max, runs, counts);
    if (story.tell(is_exact ? 40 : 25)) story.finish();
    EXPECT_TRUE(until([&] { return reader->text == log_of(id); }));
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, RunFramingContract, testing::ValuesIn(kEngines), name_of);

}  // namespace
}  // namespace gw
