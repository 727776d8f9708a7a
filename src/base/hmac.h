// HMAC-SHA256 (RFC 2104, FIPS 198-1), by OpenSSL.
#pragma once

#include <string_view>

#include "base/digest.h"

namespace gw {

Digest hmac_sha256(std::string_view key, std::string_view message);

}  // namespace gw
