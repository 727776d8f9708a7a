// One header field as it stood in an HTTP message. A message's fields are a list of these in their
// order, duplicates included: some checks are about the duplicates.
#pragma once

#include <span>
#include <string_view>

namespace gw {

// Views into the caller's buffer.
struct HttpField {
  std::string_view name;   // any case, compare with equal_ignoring_case
  std::string_view value;  // surrounding blanks may be there or not

  friend bool operator==(const HttpField&, const HttpField&) = default;
};

using HttpFields = std::span<const HttpField>;

// ASCII only, as HTTP tokens are.
constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

// Without the spaces and tabs around it (OWS, RFC 9110 5.6.3).
constexpr std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace gw
