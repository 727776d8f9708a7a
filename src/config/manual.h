// The manual page, as troff (man(7)), from the list of settings.
#pragma once

#include <string>

namespace gw {

std::string manual_page(const std::string& version);

}  // namespace gw
