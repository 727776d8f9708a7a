// Tokens and comma-separated lists of HTTP fields (RFC 9110 5.6).
#pragma once

#include <string_view>

namespace gw::ws {

bool is_token_char(char c);
// One or more of them.
bool is_token(std::string_view text);

// Takes the next non-empty element off the front of `list`, blanks around it removed. Empty at the end.
// Does not know quoted strings.
std::string_view take_list_element(std::string_view& list);

}  // namespace gw::ws
