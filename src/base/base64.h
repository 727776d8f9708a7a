// base64 with its padding (RFC 4648 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gw {

std::string base64_encode(std::string_view bytes);
// Empty for anything else: other characters, a wrong length, padding that is missing or not at the end, bits
// left over that are not zero.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace gw
