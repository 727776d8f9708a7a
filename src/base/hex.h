// Lower-case hexadecimal.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gw {

// `out` has room for twice as many.
void write_hex(char* out, std::span<const unsigned char> bytes);
void append_hex(std::string& out, std::span<const unsigned char> bytes);
std::string to_hex(std::span<const unsigned char> bytes);
// Fills `out` from exactly out.size()*2 digits of either case; false for anything else.
[[nodiscard]] bool from_hex(std::string_view text, std::span<unsigned char> out);

}  // namespace gw
