// Settings of JWTs as session tokens (traffic_cop/jwt.h): their list, the keys in their files, and what is
// probably not meant.
#pragma once

#include <string>
#include <vector>

#include "config/check.h"
#include "config/settings.h"
#include "config/sources.h"

namespace gw {

void add_jwt_settings(std::vector<Setting>& out);
// Those of config.jwt_key_files, into config.jwt_keys.
void read_jwt_keys(Config& config, const ReadFile& read_file, const Provenance& where,
                   std::vector<std::string>& problems);
void check_jwt(Config& config, const Provenance& where, std::vector<std::string>& problems);

}  // namespace gw
