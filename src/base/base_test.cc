#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/time.h"

namespace gw {
namespace {

TEST(Time, WritesIso8601WithMilliseconds) {
  EXPECT_EQ(iso8601(WallTime(std::chrono::milliseconds(1'767'323'045'678))), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(iso8601(WallTime(std::chrono::milliseconds(0))), "1970-01-01T00:00:00.000Z");
}

TEST(Time, ReadsIso8601BackAndNothingElse) {
  for (const int64_t ms : {int64_t{0}, int64_t{1'767'323'045'678}, int64_t{951'782'400'001}, int64_t{-1000},
                           int64_t{-62'135'596'800'000}, int64_t{253'402'300'799'999}}) {
    const WallTime time{std::chrono::milliseconds(ms)};
    EXPECT_EQ(parse_iso8601(iso8601(time)), time) << iso8601(time);
  }
  for (const char* bad : {"",
                          "2026-01-02",
                          "2026-01-02T03:04:05Z",
                          "2026-01-02T03:04:05.678",
                          "2026-01-02T03:04:05.678z",
                          "2026-01-02 03:04:05.678Z",
                          "2026-01-02T03:04:05,678Z",
                          "2026-01-02T03:04:05.678Z ",
                          " 2026-01-02T03:04:05.678Z",
                          "2026-01-02T03:04:05.67Z",
                          "2026-01-02T03:04:05.6789Z",
                          "2026-01-02T03:04:05.+78Z",
                          "2026-13-02T03:04:05.678Z",
                          "2026-00-02T03:04:05.678Z",
                          "2026-02-29T03:04:05.678Z",
                          "2026-01-00T03:04:05.678Z",
                          "2026-01-02T24:04:05.678Z",
                          "2026-01-02T03:60:05.678Z",
                          "2026-01-02T03:04:60.678Z",
                          "-026-01-02T03:04:05.678Z"}) {
    EXPECT_EQ(parse_iso8601(bad), std::nullopt) << bad;
  }
  EXPECT_TRUE(parse_iso8601("2024-02-29T23:59:59.999Z"));
}

TEST(Time, ReadsDurationsWithAndWithoutUnit) {
  EXPECT_EQ(parse_duration("30"), Duration(30s));
  EXPECT_EQ(parse_duration("0.5"), Duration(500ms));
  EXPECT_EQ(parse_duration("500ms"), Duration(500ms));
  EXPECT_EQ(parse_duration("2m"), Duration(120s));
  for (const char* bad : {"", "-1", "-0", "s", "1 s", "1d", "nan", "inf", "1e3", "99999999999999999999h"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
  for (const Duration d : {Duration(0s), Duration(1500ms), Duration(30s), Duration(300s), Duration(7200s)}) {
    EXPECT_EQ(parse_duration(format_duration(d)), d);
  }
}

TEST(Ids, NamesFollowTheGrammarForEveryByte) {
  const std::string allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+=-";
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    EXPECT_EQ(is_valid_name(text), allowed.find(text) != std::string::npos) << byte;
  }
  EXPECT_TRUE(is_valid_name(std::string(128, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(129, 'a')));
  EXPECT_FALSE(is_valid_name(""));
}

TEST(Ids, ConnectionIdReadsBackAndIsNeverTheSame) {
  const ConnectionId id = ConnectionId::make();
  EXPECT_EQ(id.text().size(), 35u);
  EXPECT_EQ(ConnectionId::parse(id.text()), id);
  EXPECT_FALSE(ConnectionId::make() == id);
  EXPECT_EQ(ConnectionId::parse("ws_12"), std::nullopt);
  EXPECT_EQ(ConnectionId::parse("ws_" + std::string(32, 'A')), std::nullopt);
}

TEST(Ids, MessageIdsSortByTimeEvenWhenTheClockStepsBack) {
  MessageIdSource source;
  std::string last;
  for (const int64_t ms : {1000, 1000, 1001, 900, 900, 2000}) {
    std::string id;
    source.append(id, ms);
    EXPECT_EQ(id.size(), 36u);
    EXPECT_EQ(id[14], '7');
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST(Digest, MatchesTheKnownVector) {  // FIPS 180-4, "abc"
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_TRUE(equal_constant_time(sha256("a"), sha256("a")));
  EXPECT_FALSE(equal_constant_time(sha256("a"), sha256("b")));
}

TEST(Digest, Sha1IsInHex) {  // FIPS 180-4, "abc" and ""
  EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha1_hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

}  // namespace
}  // namespace gw
