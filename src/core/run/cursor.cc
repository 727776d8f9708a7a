#include "core/run/cursor.h"

#include <algorithm>
#include <charconv>

namespace gw {
namespace {

constexpr size_t kEpochDigits = 4, kPosDigits = 12;

std::string padded(uint64_t number, size_t width) {
  const std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

std::optional<uint64_t> parse_number(std::string_view text, size_t digits_max) {
  if (text.empty() || text.size() > digits_max) return {};
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

}  // namespace

std::string RunCursor::text() const {
  return std::to_string(epoch) + "." + std::to_string(pos) + "." + hash.text();
}

std::string RunCursor::sortable() const {
  return padded(epoch, kEpochDigits) + "." + padded(pos, kPosDigits) + "." + hash.text();
}

std::optional<RunCursor> RunCursor::parse(std::string_view text) {
  const size_t one = text.find('.');
  const size_t two = one == text.npos ? text.npos : text.find('.', one + 1);
  if (two == text.npos) return {};
  const auto epoch = parse_number(text.substr(0, one), kEpochDigits);
  const auto pos = parse_number(text.substr(one + 1, two - one - 1), kPosDigits);
  const auto hash = RunHash::parse(text.substr(two + 1));
  if (!epoch || !pos || !hash) return {};
  const RunCursor cursor{static_cast<uint32_t>(*epoch), *pos, *hash};
  // One place has two names, and no third with some zeros more or less.
  if (text != cursor.text() && text != cursor.sortable()) return {};
  return cursor;
}

}  // namespace gw
