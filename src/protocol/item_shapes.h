// What the items of framed runs look like. A reader gives up its whole stream over one that does not fit.
#pragma once

#include <string>
#include <string_view>

#include "protocol/item_shape.h"

namespace gw::protocol {

// Of a chunk of AI SDK's UI message stream (ai 7). Empty: it fits; otherwise why it does not.
std::string misfit_of_chunk(std::string_view type, const json::Object& chunk);
// Of an event of AG-UI 1.0. The same.
std::string misfit_of_event(std::string_view type, const json::Object& event);

}  // namespace gw::protocol
