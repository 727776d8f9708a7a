#include <gtest/gtest.h>

#include "json/json.h"

namespace gw::json {
namespace {

using namespace std::string_literals;

std::optional<std::string> string_of(std::string_view text) { return as_string(*parse(text)); }
std::optional<int64_t> integer_of(std::string_view text) { return as_int64(*parse(text)); }

TEST(JsonString, Unescapes) {
  EXPECT_EQ(string_of(R"("")"), "");
  EXPECT_EQ(string_of(R"("plain")"), "plain");
  EXPECT_EQ(string_of(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(string_of(R"("a\u0000b")"), "a\0b"s);
  EXPECT_EQ(string_of(R"("\u0041\u00e9\u20AC\uffff")"), "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf");
  EXPECT_EQ(string_of(R"("<\ud83d\uDE00>")"), "<\xf0\x9f\x98\x80>");
  EXPECT_EQ(string_of(R"("\udbff\udfff")"), "\xf4\x8f\xbf\xbf");
  EXPECT_EQ(string_of(R"("\\u0041")"), "\\u0041");
  EXPECT_EQ(string_of("\"\xc3\xa9\""), "\xc3\xa9");
  EXPECT_EQ(string_of("1"), std::nullopt);
  EXPECT_EQ(string_of("null"), std::nullopt);
}

TEST(JsonString, IsPlainWithoutEscapes) {
  const std::string text = R"(["guide","gu\u0069de",1])";
  const auto value = parse(text);
  const Array list = elements(*value);
  EXPECT_EQ(as_plain_string(list[0]), "guide");
  EXPECT_EQ(as_plain_string(list[0])->data(), text.data() + 2);
  EXPECT_EQ(as_plain_string(list[1]), std::nullopt);
  EXPECT_EQ(as_plain_string(list[2]), std::nullopt);
  EXPECT_FALSE(list[0].is_escaped_string());
  EXPECT_TRUE(list[1].is_escaped_string());
  // An escape somewhere inside does not make the container a string.
  EXPECT_FALSE(parse(R"(["\n"])")->is_escaped_string());
  EXPECT_TRUE(parse(R"("\n")")->is_escaped_string());
}

TEST(JsonInteger, OnlyWhatIsWrittenAsOneAndFits) {
  EXPECT_EQ(integer_of("0"), 0);
  EXPECT_EQ(integer_of("-0"), 0);
  EXPECT_EQ(integer_of("3600"), 3600);
  EXPECT_EQ(integer_of("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(integer_of("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "1.0", "1e3", "1E0", "0.5", "-0.0",
                           "1e400", "\"1\"", "true", "null", "[1]"}) {
    EXPECT_EQ(integer_of(text), std::nullopt) << text;
  }
}

TEST(JsonBoolean, TrueFalseAndNothingElse) {
  EXPECT_EQ(as_bool(*parse("true")), true);
  EXPECT_EQ(as_bool(*parse("false")), false);
  for (const char* text : {"1", "\"true\"", "null"}) EXPECT_EQ(as_bool(*parse(text)), std::nullopt) << text;
}

TEST(JsonKind, HasAName) {
  EXPECT_STREQ(to_string(parse("[]")->kind()), "a list");
  EXPECT_STREQ(to_string(parse("{}")->kind()), "an object");
  EXPECT_STREQ(to_string(parse("1")->kind()), "a number");
}

}  // namespace
}  // namespace gw::json
