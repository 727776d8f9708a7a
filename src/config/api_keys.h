// API keys as configured: from the GATEWAY_API_KEY variable and from [[api_keys]] in the file.
// No message ever holds a key or its digest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/sources.h"

namespace gw {

inline constexpr size_t kApiKeyBytesMax = 512;
// A file is written once and kept for long: a key worth guessing has no place there.
inline constexpr size_t kFileKeyBytesMin = 16;

// `where` it was given, for a problem.
void take_root_key(const std::string& key, const std::string& where, Config& config,
                   std::vector<std::string>& problems);

// Needs config.channels and the root key to be there already.
void take_api_keys(const std::vector<ApiKeyTable>& tables, Config& config,
                   std::vector<std::string>& problems);

}  // namespace gw
