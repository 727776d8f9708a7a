// Whether what was promised in docs/PROTOCOL.md was kept, from what clients and agents wrote down, and from
// what is left in Redis.
#pragma once

#include <set>
#include <string>

#include "sim/journal.h"
#include "sim/redis/keyspace.h"

namespace gw::sim {

// Each answers an empty text, or what is wrong.
std::string check_messages(const Journal& journal, const Keyspace& redis);
std::string check_answers(const Journal& journal);
std::string check_publications(const Journal& journal);
// `live`: the connections there are, and the gateways.
std::string check_registry(const Keyspace& redis, const std::set<std::string>& live,
                           const std::set<std::string>& gateways);
// After the last gateway has left.
std::string check_nothing_left(const Keyspace& redis, const Journal& journal);

}  // namespace gw::sim
