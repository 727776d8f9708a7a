// One gateway process from start to drain.
#pragma once

#include "config/config.h"

namespace gw {

// Exit codes: 0 drained, 1 could not start or was told twice to end.
// `sources`: where `config` comes from, to read it again.
int run_gateway(const Config& config, const ConfigSources& sources);

}  // namespace gw
