// Where a reader of a log is, as text that it hands back when it reads on. Opaque to it; whoever makes one up
// reads no more than it may read anyway.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw {

// Where a message stands in a log. Positions of different epochs say nothing of one another.
struct StreamPosition {
  std::string epoch;  // of the log that gave it: 16 hexadecimal digits
  uint64_t number = 0;

  friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

struct LogCursor {
  StreamPosition next;  // the first message that it has not covered
  int64_t as_of = 0;    // when it was given: milliseconds since 1970
  std::string last_id;  // of the last message that it covers; empty: there was none

  static std::optional<LogCursor> parse(std::string_view text);
  std::string text() const;

  friend bool operator==(const LogCursor&, const LogCursor&) = default;
};

}  // namespace gw
