#include "net/http/query.h"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

using namespace std::string_literals;

std::string decoded(std::string_view text) {
  const auto result = percent_decode(text);
  return result ? *result : "error: " + result.error().detail;
}

TEST(SplitTarget, AtTheFirstQuestionMark) {
  const auto target = split_target("/ws?session_token=a?b&c=/");
  EXPECT_EQ(target->path, "/ws");
  EXPECT_EQ(target->query, "session_token=a?b&c=/");
  EXPECT_EQ(split_target("/ws")->query, "");
  EXPECT_EQ(split_target("/ws?")->query, "");
  EXPECT_EQ(split_target("/?")->path, "/");
  EXPECT_EQ(split_target("/a%2Fb:c/")->path, "/a%2Fb:c/");  // encoded until someone has split it
}

TEST(SplitTarget, OnlyOriginForm) {
  for (const auto& target : {""s, "ws"s, "?a=1"s, "*"s, "http://host/ws"s, "/ws#x"s, "/ws?a#b"s, "/a b"s,
                             "/a\tb"s, "/a\0b"s, "/a\x7f"s}) {
    EXPECT_FALSE(split_target(target)) << target;
  }
}

TEST(PercentDecode, EveryByteThatIsText) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("plain-._~"), "plain-._~");
  EXPECT_EQ(decoded("%41%2f%2F%3d%25"), "A//=%");
  EXPECT_EQ(decoded("%C3%A9\xc3\xa9"), "\xc3\xa9\xc3\xa9");
  EXPECT_EQ(decoded("%2541"), "%41");  // once
  EXPECT_EQ(decoded("a+b%2Bc%20d"), "a+b+c d");
}

TEST(PercentDecode, RefusesBrokenEscapes) {
  for (const char* text : {"%", "a%", "%4", "%4g", "%g4", "%%41", "%u0041", "% 41", "%+1"}) {
    EXPECT_EQ(decoded(text), "error: a percent escape needs two hexadecimal digits") << text;
  }
}

TEST(PercentDecode, RefusesControlCharactersEncodedOrNot) {
  for (const auto& text : {"%00"s, "a%00b"s, "%0d%0a"s, "%1F"s, "%7f"s, "\0"s, "\n"s, "\x7f"s}) {
    EXPECT_EQ(decoded(text), "error: control characters are not allowed in a target");
  }
}

TEST(PercentDecode, RefusesWhatIsNotUtf8) {
  for (const char* text : {"%ff", "%C3", "%C0%AF", "%ED%A0%80", "\xff"}) {
    EXPECT_EQ(decoded(text), "error: percent escapes must stand for UTF-8") << text;
  }
}

TEST(Query, NamesAndValuesAreDecodedAndTheFirstWins) {
  const auto query =
      Query::parse("session_token=a%2Bb+c%3D==&session%5Ftoken=second&client_id=&flag&&=x&k=v=w");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->get("session_token"), "a+b+c===");
  EXPECT_EQ(query->get("client_id"), "");
  EXPECT_EQ(query->get("flag"), "");
  EXPECT_EQ(query->get("k"), "v=w");
  EXPECT_EQ(query->get(""), "x");
  EXPECT_EQ(query->get("token"), std::nullopt);
  EXPECT_EQ(query->get("Session_token"), std::nullopt);
}

TEST(Query, AnEmptyOneHasNothing) {
  EXPECT_EQ(Query::parse("")->get("a"), std::nullopt);
  EXPECT_EQ(Query::parse("&&")->get(""), std::nullopt);
}

TEST(Query, OneBadParameterSpoilsIt) {
  for (const char* text : {"a=%", "%=a", "a=1&b=%zz", "a=1&%00=2", "a=%0a", "a=%ff"}) {
    EXPECT_EQ(Query::parse(text).error().code, Errc::invalid_argument) << text;
  }
}

TEST(Query, HasALimit) {
  std::string text = "first=1";
  for (size_t i = 1; i < kQueryParametersMax; ++i) text += "&a=" + std::to_string(i);
  EXPECT_EQ(Query::parse(text)->get("first"), "1");
  EXPECT_EQ(Query::parse(text + "&one=more").error().detail, "too many query parameters");
}

TEST(Query, ErrorsDoNotRepeatTheText) {
  EXPECT_EQ(Query::parse("session_token=secret%").error().detail,
            "a percent escape needs two hexadecimal digits");
  EXPECT_EQ(split_target("secret").error().detail, "the request target is not a path with a query");
}

}  // namespace
}  // namespace gw::http
