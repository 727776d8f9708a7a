// Commands at random, of the kinds that the engine uses, on few keys: so that they meet.
#pragma once

#include "sim/random.h"
#include "sim/redis/keyspace.h"

namespace gw::sim {

// The next command. `ids`: of entries that there were, to be named again.
Words random_command(Random& random, const std::vector<std::string>& ids, int64_t now);

}  // namespace gw::sim
