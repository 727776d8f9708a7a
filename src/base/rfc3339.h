// A time as other programs write it (RFC 3339).
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace gw {

// "2026-01-02T03:04:05Z", with any fraction of a second (what is finer than a millisecond is dropped) and any
// offset from UTC. Empty for anything else.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace gw
