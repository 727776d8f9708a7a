#include "base/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace gw {
namespace {

void put_digits(char* out, int width, int value) {
  for (int i = width - 1; i >= 0; --i) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

struct Unit {
  std::string_view name;
  double milliseconds;
};
constexpr std::array<Unit, 5> kUnits{{{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};

}  // namespace

std::array<char, 24> iso8601_characters(WallTime time) {
  const int64_t since_epoch = time.time_since_epoch().count();
  // Messages come in bursts, many in a millisecond; the calendar part changes once a second.
  thread_local int64_t cached_time = -1;
  thread_local int64_t cached_second = -1;
  thread_local std::array<char, 24> cached{};
  if (since_epoch == cached_time) return cached;
  char* const p = cached.data();
  if (const int64_t second = since_epoch / 1000; second != cached_second) {
    const std::time_t t = static_cast<std::time_t>(second);
    std::tm tm{};
    gmtime_r(&t, &tm);
    put_digits(p, 4, tm.tm_year + 1900);
    p[4] = '-';
    put_digits(p + 5, 2, tm.tm_mon + 1);
    p[7] = '-';
    put_digits(p + 8, 2, tm.tm_mday);
    p[10] = 'T';
    put_digits(p + 11, 2, tm.tm_hour);
    p[13] = ':';
    put_digits(p + 14, 2, tm.tm_min);
    p[16] = ':';
    put_digits(p + 17, 2, tm.tm_sec);
    p[19] = '.';
    cached_second = second;
  }
  put_digits(p + 20, 3, static_cast<int>(since_epoch % 1000));
  p[23] = 'Z';
  cached_time = since_epoch;
  return cached;
}

void append_iso8601(std::string& out, WallTime time) {
  const std::array<char, 24> characters = iso8601_characters(time);
  out.append(characters.data(), characters.size());
}

std::string iso8601(WallTime time) {
  std::string out;
  append_iso8601(out, time);
  return out;
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
  if (text.size() != kForm.size()) return std::nullopt;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  const auto number = [&](size_t from, size_t size) {
    int value = 0;
    std::from_chars(text.data() + from, text.data() + from + size, value);
    return value;
  };
  using namespace std::chrono;
  const year_month_day date(year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2))));
  if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) return std::nullopt;
  return WallTime(sys_days(date).time_since_epoch() + hours(number(11, 2)) + minutes(number(14, 2)) +
                  seconds(number(17, 2)) + milliseconds(number(20, 3)));
}

std::optional<Duration> parse_duration(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || number < 0 || text.front() == '-')
    return std::nullopt;
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  for (const Unit& candidate : kUnits) {
    if (candidate.name != unit) continue;
    const double milliseconds = number * candidate.milliseconds;
    if (milliseconds > 1e12) return std::nullopt;
    return std::chrono::milliseconds(static_cast<int64_t>(std::llround(milliseconds)));
  }
  return std::nullopt;
}

std::string format_duration(Duration duration) {
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (ms % 1000 != 0) return std::to_string(ms) + "ms";
  if (ms != 0 && ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + "h";
  if (ms != 0 && ms % 60'000 == 0) return std::to_string(ms / 60'000) + "m";
  return std::to_string(ms / 1000) + "s";
}

}  // namespace gw
