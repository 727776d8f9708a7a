// Interface: who shows this session token? Control loop only.
#pragma once

#include <functional>
#include <string_view>

#include "core/done.h"
#include "core/session.h"

namespace gw {

// unauthenticated: not one that may come in now. Any other error: could not find out.
using SessionValidator = std::function<void(std::string_view token, Done<SessionPtr> done)>;

}  // namespace gw
