#include <gtest/gtest.h>

#include <limits>

#include "json/json.h"

namespace gw::json {
namespace {

using namespace std::string_literals;

std::string in_quotes(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

TEST(JsonQuoted, EscapesWhatItMustAndNothingElse) {
  EXPECT_EQ(in_quotes(""), R"("")");
  EXPECT_EQ(in_quotes("plain / text"), R"("plain / text")");
  EXPECT_EQ(in_quotes("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(in_quotes("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(in_quotes("\0\x01\x1f\x7f"s), "\"\\u0000\\u0001\\u001f\x7f\"");
  EXPECT_EQ(in_quotes("\xc3\xa9 \xf0\x9f\x98\x80"), "\"\xc3\xa9 \xf0\x9f\x98\x80\"");
}

TEST(JsonQuoted, ReadsBackAsWhatItWas) {
  std::string text;
  for (int c = 0; c < 0x80; ++c) text.push_back(static_cast<char>(c));
  for (size_t from = 0; from < text.size(); ++from) {
    const std::string part = text.substr(from) + "\xe2\x82\xac";
    EXPECT_EQ(as_string(*parse(in_quotes(part))), part);
  }
}

TEST(JsonWriter, MindsTheCommas) {
  std::string out = "data: ";
  Writer(out)
      .begin_object()
      .member("success", true)
      .member("name", "x\"y")
      .key("list")
      .begin_array()
      .value(1)
      .begin_object()
      .end_object()
      .begin_array()
      .end_array()
      .value("two")
      .null()
      .end_array()
      .key("context")
      .raw(R"({"a": 1e400})")
      .member("last", false)
      .end_object();
  EXPECT_EQ(
      out,
      R"(data: {"success":true,"name":"x\"y","list":[1,{},[],"two",null],"context":{"a": 1e400},"last":false})");
}

TEST(JsonWriter, ValuesOfEveryKind) {
  std::string out;
  Writer(out)
      .begin_array()
      .value(std::numeric_limits<int64_t>::min())
      .value(std::numeric_limits<uint64_t>::max())
      .value(static_cast<uint16_t>(8000))
      .value(0.5)
      .value(1e300)
      .value(std::numeric_limits<double>::infinity())
      .value(std::numeric_limits<double>::quiet_NaN())
      .value("literal")
      .value(std::string("string"))
      .value(std::string_view("view"))
      .end_array();
  EXPECT_EQ(
      out,
      R"([-9223372036854775808,18446744073709551615,8000,0.5,1e+300,null,null,"literal","string","view"])");
  EXPECT_TRUE(parse(out));
}

TEST(JsonWriter, AnAbsentOptionalIsNull) {
  std::string out;
  Writer(out)
      .begin_object()
      .member("user_id", std::optional<std::string_view>("u"))
      .member("tenant_id", std::optional<std::string>())
      .member("limit", std::optional<int>(0))
      .end_object();
  EXPECT_EQ(out, R"({"user_id":"u","tenant_id":null,"limit":0})");
}

TEST(JsonWriter, TwoInARow) {
  std::string out;
  Writer(out).begin_object().end_object();
  out.push_back('\n');
  Writer(out).begin_array().end_array();
  EXPECT_EQ(out, "{}\n[]");
}

}  // namespace
}  // namespace gw::json
