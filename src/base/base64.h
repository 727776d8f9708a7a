// base64 with its padding (RFC 4648 4), and base64url without (RFC 4648 5; RFC 7515 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gw {

std::string base64_encode(std::string_view bytes);
// Empty for anything else: other characters, a wrong length, padding that is missing or not at the end, bits
// left over that are not zero.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64url_encode(std::string_view bytes);
// As base64_decode(); padding is another character here.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace gw
