#include "base/user_id.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace gw {
namespace {

constexpr size_t kBytesMax = 256;

struct Range {
  uint32_t first, last;
};

// What shows nothing: controls, blanks and separators (Unicode's Cc, Zs, Zl, Zp), and format characters and
// fillers, which would let two ids look the same.
constexpr std::array kInvisible{
    Range{0x0000, 0x0020},   Range{0x007f, 0x00a0},   Range{0x00ad, 0x00ad}, Range{0x034f, 0x034f},
    Range{0x061c, 0x061c},   Range{0x115f, 0x1160},   Range{0x1680, 0x1680}, Range{0x17b4, 0x17b5},
    Range{0x180b, 0x180f},   Range{0x2000, 0x200f},   Range{0x2028, 0x202f}, Range{0x205f, 0x206f},
    Range{0x2800, 0x2800},   Range{0x3000, 0x3000},   Range{0x3164, 0x3164}, Range{0xfe00, 0xfe0f},
    Range{0xfeff, 0xfeff},   Range{0xffa0, 0xffa0},   Range{0xfff0, 0xfffb}, Range{0xfffe, 0xffff},
    Range{0x1d173, 0x1d17a}, Range{0xe0000, 0xe0fff},
};

uint32_t decode(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(character[i])); };
  if (character.size() == 1) return byte(0);
  uint32_t code_point = byte(0) & (0x7fu >> character.size());
  for (size_t i = 1; i < character.size(); ++i) code_point = (code_point << 6) | (byte(i) & 0x3f);
  return code_point;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._@+=-").find(c) != std::string_view::npos;
}

}  // namespace

bool is_valid_user_id(std::string_view text) {
  if (text.empty() || text.size() > kBytesMax) return false;
  while (!text.empty()) {
    const size_t size = utf8_character_size(text);
    if (size == 0) return false;
    const uint32_t code_point = decode(text.substr(0, size));
    const auto covers = [code_point](const Range& range) {
      return range.first <= code_point && code_point <= range.last;
    };
    if (std::any_of(kInvisible.begin(), kInvisible.end(), covers)) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string encode_user_id(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_plain(c)) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return out;
}

}  // namespace gw
