// What the agents say: letters that differ from run to run and from place to place, so that a piece that is
// lost, doubled, moved or another run's is seen by comparing it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gw::bench {

// Bytes `from` to `from + length` of the run's text; `length` is at most kRunTextMax.
inline constexpr size_t kRunTextMax = 256 * 1024;
std::string_view run_text(size_t run, uint64_t from, size_t length);

}  // namespace gw::bench
