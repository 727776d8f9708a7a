// What completes the program's flags and their values in a shell, from the list of settings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gw {

// A script for "bash" or "zsh"; absent for another shell.
std::optional<std::string> completion_script(std::string_view shell);

}  // namespace gw
