#include "base/utf8.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

TEST(Utf8Characters, EveryScalarValueReadsBack) {
  for (uint32_t code_point = 0; code_point <= 0x10ffff; ++code_point) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) continue;
    std::string text;
    append_utf8(text, code_point);
    ASSERT_EQ(utf8_character_size(text), text.size()) << code_point;
    ASSERT_EQ(utf8_character_size(text.substr(0, text.size() - 1)), 0u) << code_point;
    ASSERT_EQ(count_code_points(text), 1u);
  }
}

// Of all two-byte starts followed by good continuations exactly the scalar values are accepted.
TEST(Utf8Characters, NothingElseIsAccepted) {
  size_t accepted = 0;
  for (int first = 0x80; first < 0x100; ++first) {
    for (int second = 0; second < 0x100; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second), '\x80', '\x80'};
      const size_t size = utf8_character_size(text);
      if (size == 2) accepted += 1;
      if (size == 3) accepted += 64;
      if (size == 4) accepted += 64 * 64;
    }
  }
  EXPECT_EQ(accepted, 0x110000u - 0x800 - 0x80);
}

TEST(Utf8Characters, WholeTexts) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("na\xc3\xafve \xf0\x9f\x98\x80"));
  EXPECT_FALSE(is_valid_utf8("na\xc3"));
  EXPECT_FALSE(is_valid_utf8("\xff"));
  EXPECT_EQ(count_code_points("na\xc3\xafve \xf0\x9f\x98\x80"), 7u);
}

}  // namespace
}  // namespace gw
