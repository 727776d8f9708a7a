#include "base/hex.h"

#include <array>
#include <cstring>

namespace gw {
namespace {

// Both digits of a byte at once: each message has some ids.
constexpr std::array<std::array<char, 2>, 256> kPairs = [] {
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (size_t byte = 0; byte < pairs.size(); ++byte) pairs[byte] = {kDigits[byte >> 4], kDigits[byte & 15]};
  return pairs;
}();

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void write_hex(char* out, std::span<const unsigned char> bytes) {
  for (const unsigned char byte : bytes) {
    std::memcpy(out, kPairs[byte].data(), 2);
    out += 2;
  }
}

void append_hex(std::string& out, std::span<const unsigned char> bytes) {
  const size_t at = out.size();
  out.resize(at + bytes.size() * 2);
  write_hex(out.data() + at, bytes);
}

std::string to_hex(std::span<const unsigned char> bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  append_hex(out, bytes);
  return out;
}

bool from_hex(std::string_view text, std::span<unsigned char> out) {
  if (text.size() != out.size() * 2) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<unsigned char>(high << 4 | low);
  }
  return true;
}

}  // namespace gw
