#include "post_office/fields.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

namespace gw {
namespace {

std::string fault_of(const Faults& fields) { return fields.fault() ? fields.fault()->detail : "none"; }

TEST(BodyFields, ReadsWhatIsThere) {
  BodyFields fields(
      R"({"text":"a\u0062","name":"ada@x","n":5,"o":{"x": 1e400},"any": [1, 2 ],"list":["a","b"],"no":null})");
  EXPECT_EQ(fields.text("text"), "ab");
  EXPECT_EQ(fields.name("name"), "ada@x");
  EXPECT_EQ(fields.optional_seconds("n"), std::chrono::seconds(5));
  EXPECT_EQ(fields.optional_object("o"), R"({"x": 1e400})");
  EXPECT_EQ(fields.raw("any"), "[1, 2 ]");
  EXPECT_EQ(fields.raw("no"), "null");
  EXPECT_EQ(fields.texts("list", 2), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(fields.optional_text("no"), std::nullopt);
  EXPECT_EQ(fields.optional_name("absent"), std::nullopt);
  EXPECT_EQ(fields.optional_seconds("absent"), std::nullopt);
  EXPECT_EQ(fields.optional_object("absent"), std::nullopt);
  EXPECT_EQ(fields.count({"text", "no", "absent", "n"}), 2u);
  EXPECT_EQ(fault_of(fields), "none");
}

// JSON Schema's integer is a value, however it is written.
TEST(BodyFields, AWholeNumberMayBeWrittenAsAFraction) {
  for (const auto& [text, number] :
       std::initializer_list<std::pair<const char*, int64_t>>{{"60", 60},
                                                              {"60.0", 60},
                                                              {"6e1", 60},
                                                              {"600e-1", 60},
                                                              {"-0.0", 0},
                                                              {"9007199254740992.0", 1LL << 53}}) {
    const std::string body = "{\"n\":" + std::string(text) + "}";
    BodyFields fields(body);
    EXPECT_EQ(fields.optional_number("n"), number) << text;
    EXPECT_EQ(fault_of(fields), "none") << text;
  }
  for (const char* text :
       {"0.5", "60.00001", "1e300", "1e-400", "1e400", "9223372036854775808.0", "\"60\"", "true"}) {
    const std::string body = "{\"n\":" + std::string(text) + "}";
    BodyFields fields(body);
    fields.optional_number("n");
    EXPECT_EQ(fault_of(fields), "n must be a whole number") << text;
  }
}

TEST(BodyFields, NamesTheFirstFieldAtFault) {
  const auto fault = [](const auto& read) {
    BodyFields fields(R"({"number":5,"bad":"a b","list":[1],"long":["a","b","c"],"half":1.5,"null":null})");
    read(fields);
    return fault_of(fields);
  };
  EXPECT_EQ(fault([](auto& f) { f.text("absent"), f.text("other"); }), "absent is required");
  EXPECT_EQ(fault([](auto& f) { f.text("null"); }), "null is required");
  EXPECT_EQ(fault([](auto& f) { f.text("number"); }), "number must be a string");
  EXPECT_EQ(fault([](auto& f) { f.name("bad"); }), "bad must match [A-Za-z0-9._@+=-]{1,128}");
  EXPECT_EQ(fault([](auto& f) { f.optional_name("bad"); }), "bad must match [A-Za-z0-9._@+=-]{1,128}");
  EXPECT_EQ(fault([](auto& f) { f.raw("absent"); }), "absent is required");
  EXPECT_EQ(fault([](auto& f) { f.optional_object("number"); }), "number must be an object");
  EXPECT_EQ(fault([](auto& f) { f.optional_seconds("half"); }), "half must be a whole number of seconds");
  EXPECT_EQ(fault([](auto& f) { f.texts("absent", 9); }), "absent must be a list of strings");
  EXPECT_EQ(fault([](auto& f) { f.texts("number", 9); }), "number must be a list of strings");
  EXPECT_EQ(fault([](auto& f) { f.texts("list", 9); }), "list must be a list of strings");
  EXPECT_EQ(fault([](auto& f) { f.texts("long", 2); }), "long must not have more than 2");
}

// Who reads on, to find more faults, must not reckon with a number that no bound holds for.
TEST(Fields, ANumberOutsideItsBoundsIsNotGiven) {
  for (const char* text : {"0", "11", "-1", "1.5", "9007199254740992"}) {
    const std::string object = R"({"n":)" + std::string(text) + "}", pairs = "n=" + std::string(text);
    BodyFields body(object);
    EXPECT_EQ(body.optional_number_within("n", 1, 10), std::nullopt) << text;
    EXPECT_EQ(body.number_within("n", 1, 10), 1) << text;
    QueryFields query(pairs);
    EXPECT_EQ(query.optional_number_within("n", 1, 10), std::nullopt) << text;
    for (const Faults* fields : std::initializer_list<const Faults*>{&body, &query})
      EXPECT_EQ(fault_of(*fields), "n must be a whole number from 1 to 10") << text;
  }
}

TEST(BodyFields, WhatIsNoObjectIsItsOnlyFault) {
  for (const char* body : {"", "{", "[]", "7", "{} x", "{\"a\":\"\xff\"}", R"({"a":"\ud800"})"}) {
    BodyFields fields(body);
    EXPECT_EQ(fields.text("a"), "");
    EXPECT_EQ(fields.raw("a"), "");
    EXPECT_EQ(fault_of(fields).substr(0, 30), "the body must be a JSON object") << body;
  }
}

TEST(QueryFields, ReadsAndBlames) {
  QueryFields fields("channel=pillar%3Acontent&group=&x=a%20b");
  EXPECT_EQ(fields.text("channel"), "pillar:content");
  EXPECT_EQ(fields.optional_name("group"), std::nullopt);
  EXPECT_EQ(fault_of(fields), "none");
  EXPECT_EQ(fields.name("x"), "a b");
  EXPECT_EQ(fault_of(fields), "x must match [A-Za-z0-9._@+=-]{1,128}");
  QueryFields none("");
  EXPECT_EQ(none.text("channel"), "");
  EXPECT_EQ(fault_of(none), "channel is required");
  QueryFields broken("channel=%zz");
  EXPECT_EQ(fault_of(broken).substr(0, 22), "the query is malformed");
}

}  // namespace
}  // namespace gw
