// A framed run that several instances write to: each frames for the log as it is, not as it was.
#include "engine/redis/run_frames.h"

#include "core/run/framed_story_testing.h"
#include "engine/redis/run_testing.h"

namespace gw {
namespace {

class RunFrames : public RunTest {
 protected:
  RunFrames() {
    one_ = start(EngineUnderTest::redis, "gw-1");
    two_ = start(EngineUnderTest::redis, "gw-2");
  }
  RunStore& one() { return one_->engine().runs(); }
  RunStore& two() { return two_->engine().runs(); }
  void make(RunFormat format) {
    NewRun run = new_run("r", "a");
    run.format = format;
    ASSERT_TRUE(create(one(), run));
  }
  static RunAppend text(uint64_t seq, const std::string& text, uint32_t epoch = 1) {
    RunAppend append = batch("a", epoch, seq, text);
    append.format = RunFormat::text;
    return append;
  }
  static RunAppend items(uint64_t seq, const std::string& lines) {
    RunAppend append = batch("a", 1, seq, lines);
    append.format = RunFormat::json;
    return append;
  }
  std::string log() { return find(one(), "r")->log.bytes(); }
  void expect_whole(protocol::FramedProtocol protocol, const std::string& shown) {
    protocol::FramedStreamReader stream(protocol);
    EXPECT_EQ(stream.read(log()), "");
    EXPECT_EQ(stream.text(), shown);
  }

  std::unique_ptr<TestInstance> one_, two_;
};

TEST_F(RunFrames, GoOnFromWhatAnotherInstanceHasWritten) {
  make(RunFormat::ai_sdk);
  ASSERT_TRUE(append(one(), "r", text(0, "a")));
  ASSERT_TRUE(append(two(), "r", text(1, "b")));
  ASSERT_TRUE(append(one(), "r", text(2, "c")));
  EXPECT_TRUE(append(two(), "r", text(2, "c"))->duplicate);
  EXPECT_EQ(code_of(append(two(), "r", text(2, "x"))), "sequence_conflict");
  EXPECT_EQ(code_of(append(two(), "r", text(5, "x"))), "sequence_gap");
  EXPECT_EQ(code_of(append(two(), "r", items(3, "{\"type\":\"start-step\"}\n"))), "mixed_framing");
  ASSERT_TRUE(append(two(), "r", text(3, "d")));
  expect_whole(protocol::FramedProtocol::ai_sdk, "abcd");
}

TEST_F(RunFrames, GoOnAfterAClaimByWayOfAnotherInstance) {
  make(RunFormat::ag_ui);
  ASSERT_TRUE(append(one(), "r", text(0, "wrong")));
  RunClaim anew{.producer = "a"};
  anew.keep = 0;
  ASSERT_TRUE(claim(two(), "r", anew));
  ASSERT_TRUE(append(one(), "r", text(0, "right", 2)));
  ASSERT_EQ(cancel(two(), "r", "enough").value(), RunCancelled::asked);
  RunAppend last = text(1, "", 2);
  last.end = RunEnd{RunStatus::cancelled};
  ASSERT_TRUE(append(one(), "r", last));
  expect_whole(protocol::FramedProtocol::ag_ui, "right");
  EXPECT_TRUE(log().ends_with("\"outcome\":{\"type\":\"cancelled\"}}\n"));
}

// All at once, in order, over both.
TEST_F(RunFrames, TakeWhatComesWithoutWaiting) {
  make(RunFormat::ag_ui);
  size_t answers = 0;
  for (uint64_t seq = 0; seq < 20; ++seq)
    one().append("r", {}, text(seq, std::to_string(seq % 10)), [&](const RunResult<RunAppended>& appended) {
      EXPECT_TRUE(appended);
      ++answers;
    });
  ASSERT_TRUE(until([&] { return answers == 20; }));
  expect_whole(protocol::FramedProtocol::ag_ui, "01234567890123456789");
}

}  // namespace
}  // namespace gw
