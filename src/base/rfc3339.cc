#include "base/rfc3339.h"

#include <algorithm>
#include <string>

namespace gw {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Two digits at `at`, at most `most`.
std::optional<int> two_digits(std::string_view text, size_t at, int most) {
  if (at + 2 > text.size() || !is_digit(text[at]) || !is_digit(text[at + 1])) return {};
  const int number = (text[at] - '0') * 10 + (text[at + 1] - '0');
  return number <= most ? std::optional(number) : std::nullopt;
}

// "Z", or how far the text's clock is ahead of UTC.
std::optional<std::chrono::minutes> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  const auto hours = two_digits(text, 1, 23), minutes = two_digits(text, 4, 59);
  const bool is_shaped = text.size() == 6 && text[3] == ':' && (text[0] == '+' || text[0] == '-');
  if (!is_shaped || !hours || !minutes) return {};
  const std::chrono::minutes ahead(*hours * 60 + *minutes);
  return text[0] == '-' ? -ahead : ahead;
}

}  // namespace

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  constexpr size_t kSeconds = 19;  // "2026-01-02T03:04:05"
  if (text.size() <= kSeconds) return {};
  std::string exact(text.substr(0, kSeconds));
  text.remove_prefix(kSeconds);
  std::string fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const size_t digits =
        static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
    if (digits == 0) return {};
    fraction = text.substr(0, std::min<size_t>(digits, 3));
    text.remove_prefix(digits);
  }
  fraction.resize(3, '0');
  const auto ahead = parse_offset(text);
  const auto time = parse_iso8601(exact + "." + fraction + "Z");
  if (!ahead || !time) return {};
  return *time - *ahead;
}

}  // namespace gw
