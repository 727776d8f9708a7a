// Settings of webhooks.
#pragma once

#include <vector>

#include "config/settings.h"

namespace gw {

void add_webhook_settings(std::vector<Setting>& out);

}  // namespace gw
