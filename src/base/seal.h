// What only holders of a key can make or read: AES-256-GCM (NIST SP 800-38D) with a random nonce, so one key
// is for fewer than 2^32 texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace gw {

// `beside` goes in clear, elsewhere, and has to be the same for whoever opens it.
std::string seal(const Digest& key, std::string_view plain, std::string_view beside);
// Empty: it was not sealed with that key beside that, or has been changed.
std::optional<std::string> unseal(const Digest& key, std::string_view sealed, std::string_view beside);

}  // namespace gw
