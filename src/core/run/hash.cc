#include "core/run/hash.h"

#include <array>

namespace gw {
namespace {

constexpr size_t kDigits = 7;

// B^exponent mod M.
uint64_t power(uint64_t base, uint64_t exponent, uint64_t modulus) {
  uint64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = result * base % modulus;
    base = base * base % modulus;
  }
  return result;
}

constexpr size_t kStride = 8;

template <uint64_t base, uint64_t modulus>
constexpr std::array<uint64_t, kStride + 1> kPowers = [] {
  std::array<uint64_t, kStride + 1> powers{1};
  for (size_t i = 1; i <= kStride; ++i) powers[i] = powers[i - 1] * base % modulus;
  return powers;
}();

template <uint64_t base, uint64_t modulus>
uint64_t fold_stride(uint64_t before, const char* bytes) {
  uint64_t sum = before * kPowers<base, modulus>[kStride];
  for (size_t i = 0; i < kStride; ++i)
    sum += (static_cast<unsigned char>(bytes[i]) + uint64_t{1}) * kPowers<base, modulus>[kStride - 1 - i];
  return sum % modulus;
}

uint32_t fold(uint32_t before, uint64_t base, uint32_t after, uint64_t length, uint64_t modulus) {
  return static_cast<uint32_t>((before * power(base, length, modulus) + after) % modulus);
}

void append_digits(std::string& out, uint32_t value) {
  for (int shift = 4 * (static_cast<int>(kDigits) - 1); shift >= 0; shift -= 4)
    out.push_back("0123456789abcdef"[(value >> shift) & 15]);
}

std::optional<uint32_t> parse_digits(std::string_view text, uint64_t modulus) {
  uint32_t value = 0;
  for (const char c : text) {
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && (c < '0' || c > '9')) return {};
    value = value * 16 + static_cast<uint32_t>(letter ? c - 'a' + 10 : c - '0');
  }
  return value < modulus ? std::optional(value) : std::nullopt;
}

}  // namespace

RunHash RunHash::then(std::string_view bytes) const {
  uint64_t one = first, two = second;
  // Eight at a time: each of their products is below 2^34, and that of what stands before them below 2^52.
  for (; bytes.size() >= kStride; bytes.remove_prefix(kStride)) {
    one = fold_stride<kBase1, kModulus1>(one, bytes.data());
    two = fold_stride<kBase2, kModulus2>(two, bytes.data());
  }
  for (const char c : bytes) {
    const uint64_t next = static_cast<unsigned char>(c) + uint64_t{1};
    one = (one * kBase1 + next) % kModulus1;
    two = (two * kBase2 + next) % kModulus2;
  }
  return {static_cast<uint32_t>(one), static_cast<uint32_t>(two)};
}

RunHash RunHash::then(RunHash bytes, uint64_t length) const {
  return {fold(first, kBase1, bytes.first, length, kModulus1),
          fold(second, kBase2, bytes.second, length, kModulus2)};
}

std::string RunHash::text() const {
  std::string out;
  out.reserve(2 * kDigits);
  append_digits(out, first);
  append_digits(out, second);
  return out;
}

std::optional<RunHash> RunHash::parse(std::string_view text) {
  if (text.size() != 2 * kDigits) return {};
  const auto one = parse_digits(text.substr(0, kDigits), kModulus1);
  const auto two = parse_digits(text.substr(kDigits), kModulus2);
  if (!one || !two) return {};
  return RunHash{*one, *two};
}

}  // namespace gw
