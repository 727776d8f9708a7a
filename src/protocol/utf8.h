// UTF-8 of whole texts (RFC 3629). What comes over a WebSocket is validated there, piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::protocol {

// Bytes of the character at the start of `text`: 1 to 4, or 0 when it is not valid (cut short, overlong,
// a surrogate, above U+10FFFF) or `text` is empty.
size_t utf8_character_size(std::string_view text);
bool is_valid_utf8(std::string_view text);
// Of valid UTF-8: how many code points.
size_t count_code_points(std::string_view text);
// `code_point` is a Unicode scalar value.
void append_utf8(std::string& out, uint32_t code_point);

}  // namespace gw::protocol
