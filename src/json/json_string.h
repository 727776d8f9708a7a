// What reader, values and writer share about JSON strings (RFC 8259 section 7).
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace gw::json {

static_assert(std::endian::native == std::endian::little,
              "the word tricks below count bytes from the low end");

// The first byte of [at, end) that needs a look in a string, or end: quote, backslash, control characters,
// and with `non_ascii` whatever has the high bit. Sixteen bytes a step where the machine has SSE2, then
// eight.
inline const char* find_special(const char* at, const char* end, bool non_ascii) {
#ifdef __SSE2__
  const unsigned high_bits = non_ascii ? 0xffff : 0;
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const int plain_hits = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
    const unsigned hits =
        static_cast<unsigned>(plain_hits) | (static_cast<unsigned>(_mm_movemask_epi8(bytes)) & high_bits);
    if (hits != 0) return at + std::countr_zero(hits);
  }
#endif
  // Subtracting sets the high bit of a byte that is too small; a borrow can mark others, but only after one.
  constexpr uint64_t kOnes = 0x0101010101010101;
  const uint64_t wanted_high = non_ascii ? 0x80 * kOnes : 0;
  for (; end - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    const uint64_t control = word - 0x20 * kOnes;
    const uint64_t quote = (word ^ ('"' * kOnes)) - kOnes;
    const uint64_t backslash = (word ^ ('\\' * kOnes)) - kOnes;
    const uint64_t hits = ((control | quote | backslash) & ~word & (0x80 * kOnes)) | (word & wanted_high);
    if (hits != 0) return at + std::countr_zero(hits) / 8;
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
