// What reader, values and writer share about JSON strings (RFC 8259 section 7).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace gw::json {

static_assert(std::endian::native == std::endian::little,
              "the word tricks below count bytes from the low end");

// In a string these need a look: quote, backslash, control characters, and with `non_ascii` what has the
// high bit. Returns the first such byte of [at, end), or end. Eight bytes a step ("haszero" of Mycroft and
// Anderson's Bit Twiddling Hacks; a carry can only mark bytes after a true one).
inline const char* find_special(const char* at, const char* end, bool non_ascii) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x80 * kOnes;
  const uint64_t high_mask = non_ascii ? kHigh : 0;
  while (end - at >= 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    const uint64_t quote = word ^ ('"' * kOnes);
    const uint64_t backslash = word ^ ('\\' * kOnes);
    const uint64_t ascii_hits =
        (((word - 0x20 * kOnes) & ~word) | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) &
        kHigh;
    const uint64_t hits = ascii_hits | (word & high_mask);
    if (hits != 0) return at + std::countr_zero(hits) / 8;
    at += 8;
  }
  for (; at != end; ++at) {
    const unsigned char c = static_cast<unsigned char>(*at);
    if (c < 0x20 || c == '"' || c == '\\' || (non_ascii && c >= 0x80)) break;
  }
  return at;
}

// The value of four hexadecimal digits, or -1.
inline int32_t hex4(const char* digits) {
  int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = digits[i];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

inline bool is_high_surrogate(int32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
inline bool is_low_surrogate(int32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

// Appends what `escaped` (valid, without its quotes) stands for.
void append_unescaped(std::string& out, std::string_view escaped);

}  // namespace gw::json
