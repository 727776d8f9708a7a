// Two clocks that do not mix. TimePoint is monotonic and is what timeouts use; loops read it once per
// turn and pass it down. WallTime is the calendar and appears only at the edges.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace gw {

using namespace std::chrono_literals;

using Duration = std::chrono::steady_clock::duration;
using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
// What the calendar says, for who has no loop to ask.
using WallClock = std::function<WallTime()>;

TimePoint steady_now();
WallTime wall_now();
// Since 1970, for what is measured finer than a message's timestamp: spans.
int64_t unix_nanoseconds();

// "2026-01-02T03:04:05.678Z": UTC, ISO 8601, milliseconds, always 24 characters.
std::array<char, 24> iso8601_characters(WallTime time);  // allocates nothing
void append_iso8601(std::string& out, WallTime time);
std::string iso8601(WallTime time);
// Reads exactly that form.
std::optional<WallTime> parse_iso8601(std::string_view text);

// Reads "30" (seconds), "0.5", "500ms", "30s", "5m", "2h". Empty for anything else, negatives included.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest such form that reads back to the same duration (milliseconds are the finest unit).
std::string format_duration(Duration duration);

}  // namespace gw
