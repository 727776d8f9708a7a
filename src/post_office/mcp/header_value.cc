#include "post_office/mcp/header_value.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace gw::mcp {
namespace {

constexpr std::string_view kPrefix = "=?base64?";
constexpr std::string_view kSuffix = "?=";

// RFC 4648 section 4, padded; nothing else passes.
std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  text.remove_suffix(padding);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(digit)) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xff));
  }
  // Bits that stand for nothing have to be zero: one text, one encoding.
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::string> decode_header_value(std::string_view value) {
  const bool plain =
      std::all_of(value.begin(), value.end(), [](char c) { return (c >= ' ' && c < 0x7f) || c == '\t'; });
  if (!plain) return std::nullopt;
  if (value.size() < kPrefix.size() + kSuffix.size() || !value.starts_with(kPrefix) ||
      !value.ends_with(kSuffix))
    return std::string(value);
  value.remove_prefix(kPrefix.size());
  value.remove_suffix(kSuffix.size());
  std::optional<std::string> decoded = decode_base64(value);
  if (decoded && !is_valid_utf8(*decoded)) return std::nullopt;
  return decoded;
}

}  // namespace gw::mcp
