// Where a reader of a channel is, as text that it hands back with its next poll. Opaque to it; whoever makes
// one up reads no more than its key grants anyway.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw::mcp {

struct Cursor {
  std::string epoch;    // of the log that gave it: 16 hexadecimal digits
  uint64_t next = 0;    // the number of the first message that it has not covered
  int64_t as_of = 0;    // when it was given: milliseconds since 1970
  std::string last_id;  // of the last message that it covers; empty: there was none

  static std::optional<Cursor> parse(std::string_view text);
  std::string text() const;

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

}  // namespace gw::mcp
