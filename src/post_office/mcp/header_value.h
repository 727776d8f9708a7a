// Values of the headers that mirror a request's body (Streamable HTTP, "Value Encoding").
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gw::mcp {

// What a header stands for: itself, or what =?base64?…?= hides. Empty when it holds anything but visible
// ASCII, blanks and tabs, or is not properly encoded.
std::optional<std::string> decode_header_value(std::string_view value);

}  // namespace gw::mcp
