// Settings of where Redis is.
#pragma once

#include <vector>

#include "config/settings.h"

namespace gw {

void add_redis_settings(std::vector<Setting>& out);

}  // namespace gw
