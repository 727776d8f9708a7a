// What the frame parser keeps, and when it lets go of it.
#include <gtest/gtest.h>

#include "ws/frames_testing.h"
#include "ws/parser.h"
#include "ws/transcript.h"

namespace gw::ws {
namespace {

using Said = Transcript;

TEST(ParserMemory, IsSmallAndOwnsNothingWhileNothingIsUnfinished) {
  EXPECT_LE(sizeof(Parser), 64u);
  Listener listener;
  for (int i = 0; i < 3; ++i) {
    listener.hear(sent_text("hello") + sent(Opcode::ping, "p"));
    EXPECT_EQ(listener.parser().bytes_kept(), 0u);
    EXPECT_FALSE(listener.parser().unfinished());
  }
  EXPECT_EQ(listener.bytes_kept_max(), 0u) << "whole frames are not copied";
}

TEST(ParserMemory, AHeaderCutShortIsUnfinishedButNotOnTheHeap) {
  const std::string frame = sent_text(std::string(300, 'x'));
  for (size_t size = 1; size <= 8; ++size) {
    Listener listener;
    listener.hear(frame.substr(0, size));
    EXPECT_TRUE(listener.parser().unfinished()) << size;
    EXPECT_EQ(listener.parser().bytes_kept(), 0u) << size;
  }
}

TEST(ParserMemory, AFinishedMessageGivesItsMemoryBack) {
  const std::string text(60000, 'x');
  const std::string frame = sent_text(text);
  Listener listener;
  for (size_t at = 0; at < frame.size(); at += 1000) {
    EXPECT_EQ(listener.parser().unfinished(), at > 0);
    listener.hear(frame.substr(at, 1000));
    EXPECT_LE(listener.parser().bytes_kept(), text.size() + 16) << "no more room than the frame needs";
  }
  EXPECT_EQ(listener.transcript(), Said{"message \"" + text + '"'});
  EXPECT_EQ(listener.parser().bytes_kept(), 0u);
  EXPECT_FALSE(listener.parser().unfinished());
}

TEST(ParserMemory, AnAnnouncedLengthAloneTakesNoMemory) {
  Listener listener;
  listener.hear(sent_text(std::string(65536, 'x')).substr(0, 14));
  EXPECT_EQ(listener.parser().bytes_kept(), 0u);
  EXPECT_TRUE(listener.parser().unfinished());
}

TEST(ParserMemory, EmptyFragmentsTakeNoMemory) {
  Listener listener;
  listener.hear(sent(Opcode::text, "", kMore));
  for (int i = 0; i < 100000; ++i) listener.hear(sent(Opcode::continuation, "", kMore));
  EXPECT_EQ(listener.bytes_kept_max(), 0u);
  EXPECT_TRUE(listener.parser().unfinished());
}

TEST(ParserMemory, TinyFragmentsTakeTheirBytesAlone) {
  Listener listener;
  listener.hear(sent(Opcode::text, "", kMore));
  int growths = 0;
  for (int i = 0; i < 65536; ++i) {
    const size_t before = listener.parser().bytes_kept();
    listener.hear(sent(Opcode::continuation, "x", kMore));
    if (listener.parser().bytes_kept() != before) ++growths;
  }
  EXPECT_LE(growths, 17) << "copying all of it for each fragment is an attack";
  EXPECT_LE(listener.bytes_kept_max(), 65536u + 16u);
  listener.hear(sent(Opcode::continuation, "x", kMore));
  EXPECT_EQ(listener.transcript(), Said{R"(error 1009 "message larger than the limit")"});
}

// The connection lives on until the close is done.
TEST(ParserMemory, AnErrorGivesTheMemoryBackAtOnce) {
  Listener listener;
  listener.hear(sent(Opcode::text, std::string(1000, 'x'), kMore));
  EXPECT_GE(listener.parser().bytes_kept(), 1000u);
  std::string wrong = sent_text("not a continuation");
  std::span<char> input(wrong);
  Scratch scratch;
  EXPECT_EQ(listener.parser().next(input, scratch).code, 1002);
  EXPECT_EQ(listener.parser().bytes_kept(), 0u);
  EXPECT_FALSE(listener.parser().unfinished());
}

TEST(ParserMemory, APingCutShortInsideAMessageIsKeptAndDropped) {
  Listener listener;
  listener.hear(sent(Opcode::text, "abc", kMore));
  const size_t message_alone = listener.parser().bytes_kept();
  const std::string ping = sent(Opcode::ping, std::string(125, 'p'));
  for (int i = 0; i < 1000; ++i) {
    listener.hear(ping.substr(0, 70));
    listener.hear(ping.substr(70));
  }
  EXPECT_EQ(listener.transcript().size(), 1000u);
  EXPECT_EQ(listener.transcript().back(), "ping \"" + std::string(125, 'p') + '"');
  EXPECT_LE(listener.parser().bytes_kept(), message_alone + 125);
  listener.hear(sent(Opcode::continuation, "d"));
  EXPECT_EQ(listener.transcript().back(), R"(message "abcd")");
  EXPECT_EQ(listener.parser().bytes_kept(), 0u);
}

TEST(ParserMemory, ACloseInsideALargeMessageGivesItsMemoryBack) {
  Listener listener;
  listener.hear(sent(Opcode::text, std::string(50000, 'x'), kMore));
  EXPECT_GE(listener.parser().bytes_kept(), 50000u);
  listener.hear(sent_close(1000, "bye"));
  EXPECT_EQ(listener.transcript(), Said{R"(close 1000 "bye")"});
  EXPECT_EQ(listener.parser().bytes_kept(), 0u);
}

}  // namespace
}  // namespace gw::ws
