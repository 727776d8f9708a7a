// The settings as people read them: --help, --print-config, --print-sample-config and the tables of
// docs/operations/settings.md.
#pragma once

#include <string>

#include "config/check.h"
#include "config/config.h"

namespace gw {

std::string help_text(const std::string& version);

// A settings file to begin with: every setting with what it means, and its default as a comment.
std::string sample_toml();

// TOML that reads back to the same settings, each with a comment that says where it came from. Holds no
// API key and no password: a key stands there as its digest, an address with a password as a comment.
std::string config_toml(const Config& config, const std::string& version, const Provenance& where);

}  // namespace gw
