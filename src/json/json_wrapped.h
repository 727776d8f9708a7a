// Texts of our own that hold one from outside: an envelope around a client's message.
#pragma once

#include "json/json.h"

namespace gw::json {

// What comes from outside may be kDepthMax deep; what we put around it is never refused for that.
inline constexpr size_t kWrappedDepthMax = kDepthMax + 8;

// As parse_object(), with the other bound.
ParseResult<Object> parse_wrapped(std::string_view text);

}  // namespace gw::json
