// The settings of runs and plain streams.
#pragma once

#include <vector>

#include "config/settings.h"

namespace gw {

void add_runs(std::vector<Setting>& out);

}  // namespace gw
