// The settings as people read them: --help, --print-config and the tables of docs/operations/settings.md.
#pragma once

#include <string>

#include "config/check.h"
#include "config/config.h"

namespace gw {

std::string help_text(const std::string& version);

// TOML that reads back to the same settings, each with a comment that says where it came from. Holds no
// API key and no password: a key stands there as its digest, an address with a password as a comment.
std::string config_toml(const Config& config, const std::string& version, const Provenance& where);

}  // namespace gw
