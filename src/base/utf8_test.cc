#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace gw {
namespace {

std::string encode(unsigned c, size_t size) {
  if (size == 1) return {static_cast<char>(c)};
  std::string out;
  const unsigned lead = size == 2 ? 0xC0 : size == 3 ? 0xE0 : 0xF0;
  out.push_back(static_cast<char>(lead | (c >> (6 * (size - 1)))));
  for (size_t i = size - 1; i-- > 0;) out.push_back(static_cast<char>(0x80 | ((c >> (6 * i)) & 0x3F)));
  return out;
}

size_t shortest(unsigned c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

// RFC 3629 3, by decoding: the reference for the automaton.
bool decodes(std::string_view text) {
  while (!text.empty()) {
    const unsigned lead = static_cast<unsigned char>(text[0]);
    const size_t size = lead < 0x80         ? 1
                        : (lead >> 5) == 6  ? 2
                        : (lead >> 4) == 14 ? 3
                        : (lead >> 3) == 30 ? 4
                                            : 0;
    if (size == 0 || text.size() < size) return false;
    unsigned c = size == 1 ? lead : lead & (0x7Fu >> size);
    for (size_t i = 1; i < size; ++i) {
      const unsigned byte = static_cast<unsigned char>(text[i]);
      if ((byte & 0xC0) != 0x80) return false;
      c = c << 6 | (byte & 0x3F);
    }
    if (shortest(c) != size || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return false;
    text.remove_prefix(size);
  }
  return true;
}

TEST(Utf8, EveryCharacterInItsShortestForm) {
  for (unsigned c = 0; c <= 0x10FFFF; ++c) {
    const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    ASSERT_EQ(is_valid_utf8(encode(c, shortest(c))), !surrogate) << std::hex << c;
  }
}

TEST(Utf8, NoLongerForm) {
  for (const unsigned c : {0x0u, 0x2Fu, 0x7Fu}) {
    for (const size_t size : {2u, 3u, 4u}) EXPECT_FALSE(is_valid_utf8(encode(c, size))) << c;
  }
  for (const unsigned c : {0x80u, 0x7FFu}) {
    for (const size_t size : {3u, 4u}) EXPECT_FALSE(is_valid_utf8(encode(c, size))) << c;
  }
  for (const unsigned c : {0x800u, 0xFFFFu}) EXPECT_FALSE(is_valid_utf8(encode(c, 4))) << c;
}

TEST(Utf8, NothingAboveTheLastCharacter) {
  EXPECT_TRUE(is_valid_utf8("\xF4\x8F\xBF\xBF"));
  for (const char* text : {"\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF8\x88\x80\x80\x80", "\xFE", "\xFF"}) {
    EXPECT_FALSE(is_valid_utf8(text));
  }
}

// All pairs of bytes, followed by the bytes at the edges of what may follow, at every place in a block.
TEST(Utf8, AgreesWithDecoding) {
  const std::string edges("\x00\x41\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC2\xE0\xF4\xFF", 14);
  size_t place = 0;
  for (unsigned a = 0x7F; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      for (const char c : edges) {
        const std::string text =
            std::string(place++ % 20, ' ') + static_cast<char>(a) + static_cast<char>(b) + c + "\x80 end";
        ASSERT_EQ(is_valid_utf8(text), decodes(text)) << std::hex << a << ' ' << b << ' ' << +c;
        const std::string shorter = text.substr(0, text.find(" end") - 1);
        ASSERT_EQ(is_valid_utf8(shorter), decodes(shorter)) << std::hex << a << ' ' << b << ' ' << +c;
      }
    }
  }
}

TEST(Utf8, OneWrongByteAnywhereInALongText) {
  const std::string ascii(100, 'a');
  EXPECT_TRUE(is_valid_utf8(ascii));
  for (size_t at = 0; at < ascii.size(); ++at) {
    std::string text = ascii;
    text[at] = '\x80';
    EXPECT_FALSE(is_valid_utf8(text)) << at;
  }
}

// Plain text is passed over in blocks, but not when a character is still open before it.
TEST(Utf8, PlainTextInsideACharacter) {
  for (size_t before = 0; before < 40; ++before) {
    const std::string text = std::string(before, 'a') + "\xE2" + std::string(64, 'b') + "\x82\xAC";
    EXPECT_FALSE(is_valid_utf8(text)) << before;
    Utf8Validator validator;
    EXPECT_FALSE(validator.accept(std::string_view(text).substr(0, before + 60))) << before;
  }
}

TEST(Utf8Validator, PiecesAreWorthTheWhole) {
  const std::string text =
      "k\u00f6\u00df \u20ac \U0001F600 and a long stretch of plain text, then \u4e2d\u6587";
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      Utf8Validator validator;
      ASSERT_TRUE(validator.accept(std::string_view(text).substr(0, first)));
      ASSERT_TRUE(validator.accept(std::string_view(text).substr(first, second - first)));
      ASSERT_TRUE(validator.accept(std::string_view(text).substr(second)));
      ASSERT_TRUE(validator.complete());
    }
  }
}

TEST(Utf8Validator, KnowsWhenItIsInsideACharacter) {
  Utf8Validator validator;
  EXPECT_TRUE(validator.complete());
  EXPECT_TRUE(validator.accept("\xF0\x9F"));
  EXPECT_FALSE(validator.complete());
  EXPECT_TRUE(validator.accept("\x98\x80"));
  EXPECT_TRUE(validator.complete());
}

// The first byte after which no text can be valid is where it stops (Autobahn 6.4 asks for it).
TEST(Utf8Validator, FailsAtTheFirstHopelessByte) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"\xF4", "\x90"}, {"\xED", "\xA0"}, {"\xE0", "\x80"}, {"\xF0", "\x8F"}, {"", "\xC1"}, {"\xC2", "a"}};
  for (const auto& [good, bad] : cases) {
    Utf8Validator validator;
    EXPECT_TRUE(validator.accept(good));
    EXPECT_FALSE(validator.accept(bad));
    EXPECT_FALSE(validator.accept("plain text does not mend it"));
    EXPECT_FALSE(validator.complete());
  }
}

TEST(Utf8Prefix, CutsBetweenCharacters) {
  EXPECT_EQ(utf8_prefix("abc", 5), "abc");
  EXPECT_EQ(utf8_prefix("abc", 2), "ab");
  EXPECT_EQ(utf8_prefix("a\u20ac", 4), "a\u20ac");
  for (const size_t size : {1u, 2u, 3u}) EXPECT_EQ(utf8_prefix("a\u20ac", size), "a");
  EXPECT_EQ(utf8_prefix("\U0001F600", 3), "");
}

}  // namespace
}  // namespace gw
