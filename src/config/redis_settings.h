// Settings of where Redis is.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace gw {

void add_redis_settings(std::vector<Setting>& out);
// For each channel a line: it, the number of its partition, its server, and what its names begin with.
std::string redis_names(const Config& config);

}  // namespace gw
