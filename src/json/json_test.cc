#include "json/json.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "json/json_wrapped.h"

namespace gw::json {
namespace {

using namespace std::string_literals;
using Reason = ParseError::Reason;

bool accepts(std::string_view text) { return parse(text).has_value(); }

// "expected … at byte N", or "accepted".
std::string complaint(std::string_view text) {
  const auto result = parse(text);
  return result ? "accepted" : result.error().message();
}

std::string repeated(std::string_view piece, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out.append(piece);
  return out;
}

TEST(JsonAccepts, EveryKindOfValueAtTheTop) {
  for (const char* text : {"{}", "[]", "\"\"", "0", "true", "false", "null", "\"text\"", "-1.5e+10"}) {
    EXPECT_TRUE(accepts(text)) << text << ": " << complaint(text);
  }
}

TEST(JsonAccepts, SpaceWhereTheGrammarHasIt) {
  EXPECT_TRUE(accepts(" \t\r\n{ \t\r\n\"a\" \t\r\n: \t\r\n[ 1 , 2 ] \t\r\n, \"b\" : { } } \t\r\n"));
  for (const char* space : {"\f", "\v", "\xc2\xa0", "\xe2\x80\xa8", "/* */"}) {
    EXPECT_FALSE(accepts(space + "1"s)) << space;
    EXPECT_FALSE(accepts("1"s + space)) << space;
    EXPECT_FALSE(accepts("[1,"s + space + "2]")) << space;
  }
  EXPECT_FALSE(accepts("\0 1"s));
}

TEST(JsonAccepts, NumbersByGrammarWhateverTheirSize) {
  for (const char* text :
       {"0",    "-0",   "1",       "-1",    "10",       "1234567890", "0.0",
        "-0.0", "0.1",  "1.10",    "1e5",   "1E5",      "1e+5",       "1E-5",
        "0e0",  "0e+1", "-0.0e-0", "1e400", "-1e99999", "1e-400",     "123456789012345678901234567890"}) {
    EXPECT_TRUE(accepts(text)) << text << ": " << complaint(text);
    EXPECT_EQ(parse(text)->raw(), text);
  }
  const std::string digits(10'000, '7');
  EXPECT_EQ(parse(digits)->raw(), digits);
  EXPECT_TRUE(accepts(digits + "." + digits + "e" + digits));
}

TEST(JsonRejects, WhatOnlyLooksLikeANumber) {
  for (const char* text :
       {"-",        "+1",  "+",     "01",   "-01",  "00",           "1.",        ".5",        "-.5",
        "1.e5",     "1e",  "1e+",   "1E-",  "1e5.", "0x10",         "0b1",       "1_000",     "1,000",
        "NaN",      "nan", "-NaN",  "Inf",  "-Inf", "1f",           "1.2.3",     "--1",       "1e1e1",
        "Infinity", "- 1", "1 000", "1e 5", "1 .5", "\xef\xbc\x91", "1\xd9\xa0", "-Infinity", "0.e1",
        "1.5e",     "2.e3"}) {
    EXPECT_FALSE(accepts(text)) << text;
    EXPECT_FALSE(accepts("["s + text + "]")) << text;
    EXPECT_FALSE(accepts("{\"a\":"s + text + "}")) << text;
  }
}

TEST(JsonRejects, LiteralsSpeltOtherwise) {
  for (const char* text : {"True", "TRUE", "tru", "truee", "true1", "fals", "falsee", "nul", "NULL", "Null",
                           "none", "undefined", "nulll", "t", "f", "n"}) {
    EXPECT_FALSE(accepts(text)) << text;
    EXPECT_FALSE(accepts("["s + text + "]")) << text;
  }
}

constexpr const char* kBroken[] = {"",
                                   " ",
                                   "{",
                                   "}",
                                   "[",
                                   "]",
                                   "[]]",
                                   "{}}",
                                   "[1",
                                   "[1,",
                                   "[,1]",
                                   "[1,]",
                                   "[1,,2]",
                                   "[,]",
                                   "[1 2]",
                                   "[1:2]",
                                   "[1;2]",
                                   "{\"a\"}",
                                   "{\"a\":}",
                                   "{\"a\" 1}",
                                   "{\"a\":1,}",
                                   "{,}",
                                   "{,\"a\":1}",
                                   "{\"a\":1 \"b\":2}",
                                   "{\"a\":1;}",
                                   "{1:2}",
                                   "{a:1}",
                                   "{'a':1}",
                                   "{\"a\":1",
                                   "{\"a\":1,",
                                   "{\"a\"",
                                   "{\"a\":1,,\"b\":2}",
                                   "{null:1}",
                                   "{[]:1}",
                                   "[}",
                                   "{]",
                                   "[{]}",
                                   "{\"a\":[}]",
                                   "[1}",
                                   "{\"a\":1]",
                                   "1 2",
                                   "{} {}",
                                   "[] 1",
                                   "null null",
                                   "\"a\" \"b\"",
                                   ",",
                                   ":",
                                   "1,",
                                   "{\"a\"::1}",
                                   "{\"a\":1:2}",
                                   "*",
                                   "[1],",
                                   "{\"a\",1}",
                                   "<null>",
                                   "[\"a\"",
                                   "abc"};

TEST(JsonRejects, BrokenStructure) {
  for (const char* text : kBroken) {
    EXPECT_FALSE(accepts(text)) << text;
  }
}

TEST(JsonRejects, CommentsAndAByteOrderMark) {
  for (const char* text : {"\xef\xbb\xbf{}", "\xef\xbb\xbf", "\xfe\xff", "\xff\xfe[", "// x\n1", "/**/1",
                           "1//", "[1/**/]", "#\n1", "1#", "`1`"}) {
    EXPECT_FALSE(accepts(text)) << text;
  }
}

TEST(JsonStrings, EscapesOfTheGrammarAndNoOthers) {
  for (const char* text : {R"("\"")", R"("\\")", R"("\/")", R"("\b\f\n\r\t")", R"("\u0000")", R"("\uFFFF")",
                           R"("\u00e9\u00E9")", R"("\\u12")", R"("\u0022\u005c")", R"("\ud7ff\ue000")"}) {
    EXPECT_TRUE(accepts(text)) << text << ": " << complaint(text);
  }
  for (const char* text :
       {R"("\a")",     R"("\v")",    R"("\'")",     R"("\0")",        R"("\x41")",   R"("\U0041")",
        R"("\ ")",     R"("\)",      R"("\")",      R"("\u")",        R"("\u1")",    R"("\u12")",
        R"("\u123")",  R"("\u123")", R"("\u12g4")", R"("\u 123")",    R"("\u-123")", R"("\u+123")",
        R"("\u{41}")", "\"\\u123",   "\"\\\n\"",    "\"\\\xc3\xa9\"", R"("\e")",     R"("\1")"}) {
    EXPECT_FALSE(accepts(text)) << text;
  }
}

TEST(JsonStrings, SurrogatesOnlyInPairs) {
  for (const char* text : {R"("\ud83d\ude00")", R"("\uD800\uDC00")", R"("\udbff\udfff")",
                           R"("a\ud83d\ude00b")", R"("\ud83d\ude00\ud83d\ude00")"}) {
    EXPECT_TRUE(accepts(text)) << text;
  }
  for (const char* text : {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\n")", R"("\ud83d\u0041")",
                           R"("\ud83d\ud83d\ude00")", R"("\ude00\ud83d")", R"("\ud83d \ude00")",
                           R"("\ud83d\u")", R"("\ud83d\ude0")", R"("\ud83d\)", R"("\ud83d\Ude00")",
                           R"("\ud83d\ude00\ude00")", R"({"\ud800":1})"}) {
    EXPECT_FALSE(accepts(text)) << text;
  }
}

TEST(JsonStrings, ControlCharactersOnlyEscaped) {
  for (int c = 0; c < 0x20; ++c) {
    // Near the start, and where strings are scanned many bytes at a time.
    for (const size_t before : {0u, 3u, 8u, 15u, 16u, 40u}) {
      const std::string text =
          "\"" + std::string(before, 'x') + static_cast<char>(c) + std::string(40, 'y') + "\"";
      EXPECT_FALSE(accepts(text)) << c << " after " << before;
    }
  }
  EXPECT_TRUE(accepts("\"\x7f\""));  // DEL is not one of RFC 8259's
}

TEST(JsonStrings, EveryByteThatNeedsALookIsSeenAtEveryOffset) {
  for (size_t length = 0; length < 70; ++length) {
    for (size_t at = 0; at < length; ++at) {
      std::string text = "\"" + std::string(length, 'x') + "\"";
      EXPECT_TRUE(accepts(text));
      text[1 + at] = '\x1f';
      EXPECT_EQ(complaint(text),
                "expected an escape for a control character at byte " + std::to_string(at + 1));
      text[1 + at] = '\xff';
      EXPECT_EQ(complaint(text), "expected valid UTF-8 at byte " + std::to_string(at + 1));
      EXPECT_TRUE(parse(text, Utf8::trusted));
      text[1 + at] = '"';
      EXPECT_FALSE(accepts(text));
      text[1 + at] = '\\';
      EXPECT_FALSE(accepts(text));
      text[1 + at] = ' ';
      EXPECT_TRUE(accepts(text));
    }
  }
}

TEST(JsonStrings, UnfinishedOnesAreRefused) {
  for (const char* text :
       {"\"", "\"a", "\"abcdefghijklmnopqrstuvwxyz", "[\"a", "{\"a", "\"\\", "\"\\\"", "'a'", "\"a'"}) {
    EXPECT_FALSE(accepts(text)) << text;
  }
}

TEST(JsonUtf8, EveryLengthOfCharacterAndItsEdges) {
  for (const char* text :
       {"\"\xc2\x80\"", "\"\xdf\xbf\"", "\"\xe0\xa0\x80\"", "\"\xed\x9f\xbf\"", "\"\xee\x80\x80\"",
        "\"\xef\xbf\xbf\"", "\"\xf0\x90\x80\x80\"", "\"\xf4\x8f\xbf\xbf\"", "{\"\xc3\xa9\":1}"}) {
    EXPECT_TRUE(accepts(text)) << text;
  }
}

TEST(JsonUtf8, RefusesWhatIsNotUtf8UnlessToldThatItWasChecked) {
  for (const char* bytes : {
           "\x80",              // a continuation without a start
           "\xbf",              //
           "\xc3",              // cut short
           "\xe2\x82",          //
           "\xf0\x9f\x98",      //
           "\xc3x",             // another character instead of the rest
           "\xe2\x82x",         //
           "\xc0\xaf",          // overlong
           "\xc1\xbf",          //
           "\xe0\x9f\xbf",      //
           "\xf0\x8f\xbf\xbf",  //
           "\xed\xa0\x80",      // a surrogate
           "\xed\xbf\xbf",      //
           "\xf4\x90\x80\x80",  // above U+10FFFF
           "\xf5\x80\x80\x80",  //
           "\xfe", "\xff",      //
       }) {
    const std::string text = "\""s + bytes + "\"";
    EXPECT_FALSE(accepts(text)) << text;
    EXPECT_EQ(complaint(text), "expected valid UTF-8 at byte 1");
    EXPECT_FALSE(accepts("{" + text + ":1}")) << text;
    EXPECT_TRUE(parse(text, Utf8::trusted)) << text;
    // Outside a string no such byte fits, checked or not.
    EXPECT_FALSE(parse(bytes, Utf8::trusted));
    EXPECT_FALSE(parse("["s + bytes + "]", Utf8::trusted));
  }
}

TEST(JsonDepth, TheLimitIsExact) {
  EXPECT_TRUE(accepts(repeated("[", kDepthMax) + repeated("]", kDepthMax)));
  const std::string objects = repeated("{\"a\":", kDepthMax - 1) + "{}" + repeated("}", kDepthMax - 1);
  EXPECT_TRUE(accepts(objects));

  const auto error = parse(repeated("[", kDepthMax + 1) + repeated("]", kDepthMax + 1)).error();
  EXPECT_EQ(error.reason, Reason::too_deep);
  EXPECT_EQ(error.offset, kDepthMax);
  EXPECT_EQ(parse("[" + objects + "]").error().reason, Reason::too_deep);
  EXPECT_EQ(parse_object("{\"a\":" + objects + "}").error().reason, Reason::too_deep);
  EXPECT_EQ(parse_object("{\"a\":[" + repeated("[1],", 1000) + "1]}")->size(), 1u);  // wide is not deep
}

TEST(JsonDepth, OurOwnTextsHaveRoomForOneFromOutside) {
  const auto nested = [](size_t depth) {
    return repeated("{\"a\":", depth - 1) + "{}" + repeated("}", depth - 1);
  };
  EXPECT_TRUE(parse_wrapped(nested(kWrappedDepthMax)));
  EXPECT_EQ(parse_wrapped(nested(kWrappedDepthMax + 1)).error().reason, Reason::too_deep);
  EXPECT_EQ(parse_object(nested(kDepthMax + 1)).error().reason, Reason::too_deep);
}

TEST(JsonDepth, WhatIsNotJsonIsThatHoweverDeep) {
  EXPECT_EQ(parse(repeated("[", 100'000)).error().reason, Reason::not_json);
  EXPECT_EQ(parse(repeated("{\"a\":", 100'000)).error().reason, Reason::not_json);
  EXPECT_EQ(parse(repeated("[", 100'000) + repeated("]", 99'999) + "}").error().reason, Reason::not_json);
  EXPECT_EQ(parse(repeated("[", 1000) + repeated("]", 1000) + "x").error().reason, Reason::not_json);
  EXPECT_EQ(parse(repeated("[{\"a\":", 1000) + "1" + repeated("}]", 1000)).error().reason, Reason::too_deep);
  EXPECT_EQ(parse(repeated("[", 100'000) + repeated("]", 100'000)).error().reason, Reason::too_deep);
}

TEST(JsonErrors, SayWhereAndWhatWasExpected) {
  EXPECT_EQ(complaint(""), "expected a value at byte 0");
  EXPECT_EQ(complaint("{"), "expected a key in quotes at byte 1");
  EXPECT_EQ(complaint("{\"a\" 1}"), "expected ':' at byte 5");
  EXPECT_EQ(complaint("{\"a\":1 2}"), "expected ',' or '}' at byte 7");
  EXPECT_EQ(complaint("[1 2]"), "expected ',' or ']' at byte 3");
  EXPECT_EQ(complaint("[1,]"), "expected a value at byte 3");
  EXPECT_EQ(complaint("-x"), "expected a digit at byte 1");
  EXPECT_EQ(complaint("1.x"), "expected a digit at byte 2");
  EXPECT_EQ(complaint("1e+x"), "expected a digit at byte 3");
  EXPECT_EQ(complaint("{} x"), "expected the end of the text at byte 3");
  EXPECT_EQ(complaint("\"abc"), "expected the end of a string at byte 4");
  EXPECT_EQ(complaint(R"("a\x")"), "expected an escape at byte 2");
  EXPECT_EQ(complaint(R"("\u12")"), "expected four hexadecimal digits at byte 1");
  EXPECT_EQ(complaint(R"("\udc00")"), "expected a high surrogate first at byte 1");
  EXPECT_EQ(complaint(R"("\ud800x")"), "expected a low surrogate at byte 7");
}

TEST(JsonParse, TheValueIsASliceWithoutTheSpaceAroundIt) {
  const std::string text = "  [1, {\"a\" : 2}] \n";
  const auto value = parse(text);
  EXPECT_EQ(value->raw(), "[1, {\"a\" : 2}]");
  EXPECT_EQ(value->raw().data(), text.data() + 2);
  EXPECT_TRUE(value->is_array());
  EXPECT_TRUE(parse("{}")->is_object());
  EXPECT_TRUE(parse("\"\"")->is_string());
  EXPECT_TRUE(parse("-1")->is_number());
  EXPECT_TRUE(parse("false")->is_boolean());
  EXPECT_TRUE(parse("null")->is_null());
}

TEST(JsonObject, SplitsTheTopLevelInOrderAndByteForByte) {
  const auto object = parse_object(R"( {"a" : 1e400, "b":{"c": [1 ,{} ] } ,"":"\u0041", "d":[ ]} )");
  ASSERT_TRUE(object);
  std::vector<std::pair<std::string, std::string>> seen;
  for (const Member& member : *object) seen.emplace_back(member.raw_key(), member.value().raw());
  const std::vector<std::pair<std::string, std::string>> expected{
      {"a", "1e400"}, {"b", R"({"c": [1 ,{} ] })"}, {"", R"("\u0041")"}, {"d", "[ ]"}};
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(object->find("c"), nullptr);
  EXPECT_EQ(object->find("b")->raw(), R"({"c": [1 ,{} ] })");
}

TEST(JsonObject, OfDuplicateKeysTheLastCountsAndAllAreKept) {
  const auto object = parse_object(R"({"a":1,"b":2,"a":3,"\u0061":4})");
  EXPECT_EQ(object->size(), 4u);
  EXPECT_EQ(object->find("a")->raw(), "4");
  EXPECT_EQ(object->begin()->value().raw(), "1");
}

TEST(JsonObject, KeysAreComparedUnescaped) {
  const auto object = parse_object(R"({"ch\u0061nnel":"x","a\"b":1,"\\u0041":2})");
  EXPECT_EQ(object->find("channel")->raw(), "\"x\"");
  EXPECT_EQ(object->begin()->key(), "channel");
  EXPECT_EQ(object->begin()->raw_key(), "ch\\u0061nnel");
  EXPECT_EQ(object->find("a\"b")->raw(), "1");
  EXPECT_EQ(object->find("A"), nullptr);
  EXPECT_EQ(object->find("\\u0041")->raw(), "2");
}

TEST(JsonObject, HoldsAnyNumberOfMembers) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":" + std::to_string(i);
  text += "}";
  const auto object = parse_object(text);
  ASSERT_TRUE(object);
  EXPECT_EQ(object->size(), 1000u);
  EXPECT_EQ(object->find("k999")->raw(), "999");
  EXPECT_EQ(object->find("k0")->raw(), "0");
}

TEST(JsonObject, AnotherTopLevelIsAnErrorOfItsOwnOnceItIsJson) {
  for (const char* text : {"[]", "1", "\"{}\"", "null", " [{}]", "true"}) {
    EXPECT_EQ(parse_object(text).error().reason, Reason::not_object) << text;
  }
  EXPECT_EQ(parse_object(" 1").error().message(), "expected an object at byte 1");
  for (const char* text : {"[", "1 2", "nul", "", "{", "{}{}", "{}x", "{\"a\":1,}", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(parse_object(text).error().reason, Reason::not_json) << text;
  }
  EXPECT_EQ(parse_object(repeated("[", 600) + repeated("]", 600)).error().reason, Reason::too_deep);
}

TEST(JsonNested, TheNextLevelOfAValue) {
  const std::string text = R"({"a":{"b":[1,"two",{"c":null},[ ]]},"e":[],"f":{ }})";
  const auto object = parse_object(text);
  const Object inner = members(*object->find("a"));
  const Array list = elements(*inner.find("b"));
  ASSERT_EQ(list.size(), 4u);
  EXPECT_EQ(list[0].raw(), "1");
  EXPECT_EQ(list[1].raw(), "\"two\"");
  EXPECT_TRUE(members(list[2]).find("c")->is_null());
  EXPECT_TRUE(elements(list[3]).empty());
  EXPECT_GE(list[0].raw().data(), text.data());
  EXPECT_TRUE(elements(*object->find("e")).empty());
  EXPECT_TRUE(members(*object->find("f")).empty());
}

TEST(JsonNestedDeathTest, AskingForTheWrongKindIsABug) {
  const auto value = parse("[1]");
  EXPECT_DEATH(members(*value), "is_object");
  EXPECT_DEATH(elements(elements(*value)[0]), "is_array");
}

}  // namespace
}  // namespace gw::json
