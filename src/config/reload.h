// What a running gateway takes anew, and what tells a configuration from another.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace gw {

inline constexpr size_t kReloadedSettings = 31;
// Whether a setting counts without a restart. The keys of the API, and what the files of JWT keys hold, do.
bool is_reloaded(std::string_view setting);

struct ConfigChange {
  std::vector<std::string> changed;        // names, as the user writes them
  std::vector<std::string> needs_restart;  // sentences: what, and why; empty: all of it can be taken
};

// From one to the other: both have been checked.
ConfigChange change_between(const Config& running, const Config& next);

}  // namespace gw
