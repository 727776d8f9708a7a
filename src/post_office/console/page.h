// The console: one page, embedded in the program, that holds no key and loads nothing from elsewhere.
// embed.cmake makes it from the files beside this one.
#pragma once

#include <string_view>

namespace gw {

// The whole document, text/html in UTF-8. Lives as long as the program.
std::string_view console_page();

// The Content-Security-Policy to send with it. The two inline blocks are allowed by their hashes; what the
// page may reach is the gateway that served it.
std::string_view console_policy();

}  // namespace gw
