// How settings fit together, once each of them alone is right.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace gw {

// `where` says for a setting's name where its value comes from, as in Given.
using Provenance = std::function<std::string(std::string_view setting)>;

// Problems stop the start; warnings go into config.warnings. `keys_given`: somebody tried to configure an
// API key, even if it was refused.
void check_together(Config& config, bool keys_given, const Provenance& where,
                    std::vector<std::string>& problems);

}  // namespace gw
