// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw {

[[nodiscard]] bool is_valid_utf8(std::string_view text);

// The same for text that arrives in pieces, which may be cut inside a character. One byte of state.
class Utf8Validator {
 public:
  // False as soon as no continuation could make the text valid; further calls stay false.
  [[nodiscard]] bool accept(std::string_view piece);
  // The text so far does not end inside a character.
  bool complete() const { return state_ == 0; }

 private:
  uint8_t state_ = 0;
};

// The longest prefix of at most `size` bytes that does not cut a character of valid `text`.
std::string_view utf8_prefix(std::string_view text, size_t size);

// Bytes of the character at the start of `text`: 1 to 4, or 0 when it is not valid (cut short, overlong,
// a surrogate, above U+10FFFF) or `text` is empty.
size_t utf8_character_size(std::string_view text);
// Of valid UTF-8: how many code points.
size_t count_code_points(std::string_view text);
// `code_point` is a Unicode scalar value.
void append_utf8(std::string& out, uint32_t code_point);

}  // namespace gw
