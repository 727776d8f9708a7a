// Interface: who shows this session token? Control loop only.
#pragma once

#include <functional>
#include <string_view>

#include "core/done.h"
#include "core/session.h"

namespace gw {

// unauthenticated: not one that may come in now. Any other error: could not find out.
using SessionValidator = std::function<void(std::string_view token, Done<SessionPtr> done)>;

// Whether this is a token of that session, as far as it can be said without asking anybody.
using SessionMatcher = std::function<bool(std::string_view token, const Session& session)>;

}  // namespace gw
