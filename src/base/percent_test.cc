#include "base/percent.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

TEST(Percent, ReadsWhatItWrites) {
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte.push_back(static_cast<char>(c));
  std::string encoded;
  append_percent_encoded(encoded, every_byte);
  EXPECT_EQ(percent_decode(encoded), every_byte);
  std::string plain;
  append_percent_encoded(plain, "aZ09-._~");
  EXPECT_EQ(plain, "aZ09-._~");
}

TEST(Percent, AnEscapeHasTwoHexadecimalDigits) {
  EXPECT_EQ(percent_decode("a%2Bb%2bc"), "a+b+c");
  EXPECT_EQ(percent_decode(""), "");
  for (const char* text : {"%", "a%2", "%2", "%zz", "%2g", "% 2"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace gw
