// How many processors this process may use: a container's limit is a quota of time, which no affinity shows.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace gw {

using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

// The quota of the control groups, version 1 or 2, that this process is in; parts of a processor count as
// one. Empty: none.
std::optional<size_t> processor_quota(const ReadFile& read);

// The least of the affinity and the quota; 0: not known.
size_t usable_processors();

}  // namespace gw
