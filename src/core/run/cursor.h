// A place in a run's log, as readers name it: `epoch.pos.hash`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/run/hash.h"

namespace gw {

struct RunCursor {
  uint32_t epoch = 0;  // 0 to 9999
  uint64_t pos = 0;    // bytes
  RunHash hash = {};   // of the bytes before `pos`

  // "1.15131.1c8441d38a51ad"
  std::string text() const;
  // "0001.000000015131.1c8441d38a51ad": the same, such that it sorts by place (SSE `id:`,
  // Stream-Next-Offset).
  std::string sortable() const;
  // Takes both forms; nothing else.
  static std::optional<RunCursor> parse(std::string_view text);

  friend bool operator==(const RunCursor&, const RunCursor&) = default;
};

}  // namespace gw
