// What callers are told while there is no Redis.
#pragma once

#include "base/error.h"

namespace gw::redis {

inline Error not_now() {
  return {Errc::unavailable, "this instance is not connected to Redis, or still confirms that it is"};
}

}  // namespace gw::redis
