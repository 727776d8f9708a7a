// The last batches of an owner, by which one that is said again is known: as they stand in the log, or by
// their digests where they do not. Part of core/run/run_machine.h.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/run/run.h"

namespace gw::run {

// With their lengths, so that no two lists read alike.
std::string joined(std::initializer_list<std::string_view> parts);
// Where the batch of that seq ended, if it is one of the last, with the same bytes and end.
std::optional<std::pair<uint64_t, RunHash>> find_batch(const Run& run, const RunAppend& append);
// Of a framed run, which has just stored it: what stands in the log is not what the agent said.
void keep_receipt(Run& run, const RunAppend& append);

}  // namespace gw::run
