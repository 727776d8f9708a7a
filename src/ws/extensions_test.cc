#include "ws/extensions.h"

#include <gtest/gtest.h>

namespace gw::ws {
namespace {

// "name;parameter=value" joined by commas, or "malformed".
std::string parsed(std::string_view field) {
  std::vector<ExtensionOffer> offers;
  if (!parse_extension_offers(field, offers)) return "malformed";
  std::string out;
  for (const ExtensionOffer& offer : offers) {
    if (!out.empty()) out += ',';
    out += offer.name;
    for (const ExtensionParameter& parameter : offer.parameters) {
      out.append(";").append(parameter.name);
      if (parameter.value) out += '=' + *parameter.value;
    }
  }
  return out;
}

// RFC 6455 9.1
TEST(Extensions, ExamplesOfTheRfc) {
  EXPECT_EQ(parsed("foo"), "foo");
  EXPECT_EQ(parsed("bar; baz=2"), "bar;baz=2");
  EXPECT_EQ(parsed("foo, bar; baz=2"), "foo,bar;baz=2");
  EXPECT_EQ(parsed("deflate-stream"), "deflate-stream");
  EXPECT_EQ(parsed("mux; max-channels=4; flow-control, deflate-stream"),
            "mux;max-channels=4;flow-control,deflate-stream");
}

TEST(Extensions, BlanksAndEmptyElements) {
  EXPECT_EQ(parsed(" \ta ;\tb = 1 , c "), "a;b=1,c");
  EXPECT_EQ(parsed(", a,,b ,"), "a,b");
}

TEST(Extensions, QuotedValues) {
  EXPECT_EQ(parsed(R"(a; b="12")"), "a;b=12");
  EXPECT_EQ(parsed(R"(a; b="1\2" , c)"), "a;b=12,c");
  // Without the quotes it must be a token.
  for (const char* field : {R"(a; b="")", R"(a; b="1 2")", R"(a; b="1,2")", R"(a; b="\"")", R"(a; b="12)",
                            R"(a; b="12\)", R"(a; b="1"2)"}) {
    EXPECT_EQ(parsed(field), "malformed") << field;
  }
}

TEST(Extensions, Malformed) {
  for (const char* field : {"", " ", ",", "a b", "a;", "a;;b", "a; b=", "a; =b", "a; b=1 2", "a=1", "a/b",
                            "\"a\"", "a; b c", "a\x01", "a; b=\xC3\xA9"}) {
    EXPECT_EQ(parsed(field), "malformed") << field;
  }
}

TEST(Extensions, HaveALimit) {
  std::string offers = "a", parameters = "a";
  for (size_t i = 1; i < kExtensionOffersMax; ++i) offers += ",a";
  for (size_t i = 0; i < kExtensionParametersMax; ++i) parameters += ";p";
  EXPECT_EQ(parsed(offers), offers);
  EXPECT_EQ(parsed(offers + ",a"), "malformed");
  EXPECT_EQ(parsed(parameters), parameters);
  EXPECT_EQ(parsed(parameters + ";p"), "malformed");
}

TEST(Extensions, FieldsAddUp) {
  std::vector<ExtensionOffer> offers;
  EXPECT_TRUE(parse_extension_offers("a", offers));
  EXPECT_TRUE(parse_extension_offers("b, c", offers));
  ASSERT_EQ(offers.size(), 3u);
  EXPECT_EQ(offers[2].name, "c");
  EXPECT_FALSE(parse_extension_offers("", offers));
}

}  // namespace
}  // namespace gw::ws
