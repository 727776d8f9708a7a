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
inline constexpr size_t kRootKeysMax = 2;
// A file is written once and kept for long: a key worth guessing has no place there.
inline constexpr size_t kFileKeyBytesMin = 16;

// One, or two while one takes the other's place, with blanks or a line's end between them. `where` they were
// given, for a problem.
void take_root_keys(std::string_view keys, const std::string& where, Config& config,
                    std::vector<std::string>& problems);

// Needs config.channels and the root keys to be there already.
void take_api_keys(const std::vector<ApiKeyTable>& tables, Config& config,
                   std::vector<std::string>& problems);

}  // namespace gw
