// Percent-encoding (RFC 3986, 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gw {

// Any bytes. Empty: an escape lacks its two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);
// Everything but unreserved characters: some readers take '+' for a blank.
void append_percent_encoded(std::string& out, std::string_view text);

}  // namespace gw
