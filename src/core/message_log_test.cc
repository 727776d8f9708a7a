#include "core/message_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gw {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kStart{};
constexpr WallTime kWall{1'790'000'000'000ms};
constexpr size_t kAnyBytes = 1'000'000;

class MessageLogTest : public testing::Test {
 protected:
  static MessageLog make(char epoch = 'a', MessageLogLimits limits = {}, WallTime since = kWall) {
    return MessageLog(std::string(16, epoch), limits, since);
  }

  static bool say(MessageLog& log, const std::string& id, Duration after = {}) {
    return log.append(id, "\"" + id + "\"", kStart + after,
                      kWall + std::chrono::duration_cast<WallTime::duration>(after));
  }

  // Reads on from there, and says what came.
  static MessageLog::Page poll(MessageLog& log, const std::optional<LogCursor>& cursor = {},
                               size_t count = 100, Duration after = {}) {
    const auto start = log.start(cursor);
    return log.read(*start, count, kAnyBytes, kWall + std::chrono::duration_cast<WallTime::duration>(after));
  }

  static std::vector<std::string> texts(const MessageLog::Page& page) {
    std::vector<std::string> texts;
    for (const auto& envelope : page.envelopes) texts.push_back(*envelope);
    return texts;
  }
};

TEST_F(MessageLogTest, ACursorReadsOnWhereItWas) {
  MessageLog log = make();
  say(log, "m1");
  say(log, "m2");
  const auto first = poll(log);
  EXPECT_THAT(texts(first), ElementsAre("\"m1\"", "\"m2\""));
  EXPECT_THAT(texts(poll(log, first.cursor)), IsEmpty());
  say(log, "m3");
  const auto second = poll(log, first.cursor);
  EXPECT_THAT(texts(second), ElementsAre("\"m3\""));
  EXPECT_EQ(second.gap, std::nullopt);
}

TEST_F(MessageLogTest, WithoutACursorComesWhatNobodyHasReceived) {
  MessageLog log = make();
  say(log, "m1");
  const auto first = poll(log);
  EXPECT_THAT(texts(poll(log)), ElementsAre("\"m1\""));  // the answer may not have arrived
  poll(log, first.cursor);
  say(log, "m2");
  EXPECT_THAT(texts(poll(log)), ElementsAre("\"m2\""));
}

TEST_F(MessageLogTest, APageHasABoundAndSaysWhatIsLeft) {
  MessageLog log = make();
  for (const char* id : {"m1", "m2", "m3"}) say(log, id);
  const auto first = poll(log, {}, 2);
  EXPECT_THAT(texts(first), ElementsAre("\"m1\"", "\"m2\""));
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.cursor.last_id, "m2");
  const auto second = poll(log, first.cursor, 2);
  EXPECT_THAT(texts(second), ElementsAre("\"m3\""));
  EXPECT_FALSE(second.more);
  const auto tiny = log.read(*log.start({}), 10, 1, kWall);
  EXPECT_EQ(tiny.envelopes.size(), 1u);  // one is given, however large
}

TEST_F(MessageLogTest, AFullLogDropsWhatWasReceivedAndRefusesElse) {
  MessageLog log = make('a', {.messages_max = 2});
  say(log, "m1");
  say(log, "m2");
  EXPECT_FALSE(say(log, "m3"));
  const auto first = poll(log);
  EXPECT_FALSE(say(log, "m3"));
  poll(log, first.cursor);
  EXPECT_TRUE(say(log, "m3"));
  EXPECT_EQ(log.size(), 2u);
}

TEST_F(MessageLogTest, BytesAreBoundedButOneMessageAlwaysFits) {
  MessageLog log = make('a', {.bytes_max = 10});
  EXPECT_TRUE(log.append("m1", std::string(50, 'x'), kStart, kWall));
  EXPECT_FALSE(say(log, "m2"));
}

TEST_F(MessageLogTest, WhatWasDroppedIsAGapForWhoHadNotReadIt) {
  MessageLog log = make('a', {.age_max = 10s});
  const auto before = poll(log);
  say(log, "m1");
  say(log, "m2", 5s);
  EXPECT_EQ(log.expire(kStart + 10s), 1u);
  const auto page = poll(log, before.cursor);
  EXPECT_EQ(page.gap, LogGap::expired);
  EXPECT_THAT(texts(page), ElementsAre("\"m2\""));
  EXPECT_EQ(poll(log, page.cursor).gap, std::nullopt);  // told once
  EXPECT_EQ(log.expire(kStart + 20s), 0u);              // m2 was received
}

TEST_F(MessageLogTest, AHoleIsToldOnceAndWhereItIs) {
  MessageLog log = make();
  const auto before = poll(log);
  say(log, "m1");
  log.lose(LogGap::overflow);
  say(log, "m2");
  const auto first = poll(log, before.cursor, 1);
  EXPECT_EQ(first.gap, std::nullopt);
  const auto second = poll(log, first.cursor);
  EXPECT_EQ(second.gap, LogGap::overflow);
  EXPECT_THAT(texts(second), ElementsAre("\"m2\""));
  EXPECT_EQ(poll(log, second.cursor).gap, std::nullopt);
}

TEST_F(MessageLogTest, AnotherInstancesCursorGoesOnBehindTheMessageItEndsWith) {
  MessageLog one = make('a');
  MessageLog other = make('b');
  for (MessageLog* log : {&one, &other}) {
    say(*log, "m1");
    say(*log, "m2");
  }
  const auto first = poll(one, {}, 1);
  const auto second = poll(other, first.cursor);
  EXPECT_THAT(texts(second), ElementsAre("\"m2\""));
  EXPECT_EQ(second.gap, std::nullopt);
  EXPECT_THAT(texts(poll(one, second.cursor)), IsEmpty());
}

TEST_F(MessageLogTest, ACursorWhoseMessageIsNotHereIsAGap) {
  MessageLog one = make('a');
  say(one, "m5");
  const auto first = poll(one);
  MessageLog other = make('b');
  say(other, "m4");
  say(other, "m6");
  const auto second = poll(other, first.cursor);
  EXPECT_EQ(second.gap, LogGap::unknown_cursor);
  EXPECT_THAT(texts(second), ElementsAre("\"m6\""));
  // What it has seen is not forgotten on the way through a log that has nothing newer.
  MessageLog empty = make('c');
  EXPECT_EQ(poll(empty, first.cursor).cursor.last_id, "m5");
}

TEST_F(MessageLogTest, ACursorWithoutAMessageGoesOnByTime) {
  MessageLog one = make('a');
  const auto nothing = poll(one, {}, 100, 20s);
  MessageLog listened = make('b');
  say(listened, "m1", 10s);
  say(listened, "m2", 30s);
  const auto page = poll(listened, nothing.cursor);
  EXPECT_THAT(texts(page), ElementsAre("\"m2\""));
  EXPECT_EQ(page.gap, std::nullopt);
  MessageLog later = make('c', {}, kWall + 25s);
  EXPECT_EQ(poll(later, nothing.cursor).gap, LogGap::unknown_cursor);
}

TEST_F(MessageLogTest, ACursorFromTheFutureIsNone) {
  MessageLog log = make();
  EXPECT_EQ(log.start(LogCursor{{std::string(16, 'a'), 99}, 0, ""}).error().code, Errc::invalid_argument);
}

TEST(LogCursor, ReadsBackAndNothingElse) {
  const LogCursor cursor{{"0123456789abcdef", 12}, 1'790'000'000'000, "0197f0c2-7c1d-7000-8000-000000000000"};
  EXPECT_EQ(LogCursor::parse(cursor.text()), cursor);
  EXPECT_EQ(LogCursor::parse("0123456789abcdef.1.2.")->last_id, "");
  for (const char* text :
       {"", ".", "...", "0123456789abcdef", "0123456789abcdef.1.2", "0123456789abcdeF.1.2.",
        "0123456789abcdef.-1.2.", "0123456789abcdef.1.-2.", "0123456789abcdef.1x.2.",
        "0123456789abcdef.99999999999999999999999.2.", "0123456789abcdef.1.2.a b", "0123456789abcde.1.2.m"}) {
    EXPECT_EQ(LogCursor::parse(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace gw
