#include "core/log_cursor.h"

#include <algorithm>
#include <charconv>

#include "base/ids.h"

namespace gw {
namespace {

constexpr size_t kEpochDigits = 16;

// The part before the next dot, taken off the front; empty when there is no dot.
std::string_view take_part(std::string_view& rest) {
  const size_t dot = rest.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view part = rest.substr(0, dot);
  rest.remove_prefix(dot + 1);
  return part;
}

template <class T>
bool read_number(std::string_view text, T& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end && number >= 0;
}

bool is_epoch(std::string_view text) {
  return text.size() == kEpochDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::optional<LogCursor> LogCursor::parse(std::string_view text) {
  LogCursor cursor;
  cursor.next.epoch = take_part(text);
  if (!is_epoch(cursor.next.epoch)) return std::nullopt;
  if (!read_number(take_part(text), cursor.next.number) || !read_number(take_part(text), cursor.as_of))
    return std::nullopt;
  if (!text.empty() && !is_valid_name(text)) return std::nullopt;
  cursor.last_id = text;
  return cursor;
}

std::string LogCursor::text() const {
  return next.epoch + "." + std::to_string(next.number) + "." + std::to_string(as_of) + "." + last_id;
}

}  // namespace gw
