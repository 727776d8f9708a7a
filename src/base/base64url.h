// base64url without padding (RFC 4648 5; RFC 7515 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gw {

// Empty for anything else: padding, other characters, an impossible length, bits left over that are not zero.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace gw
