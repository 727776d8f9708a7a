// Whom the runs of a client without a session count for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace gw {

// One of the accounts of its address, so that many clients of one address leave something of what all
// strangers have. It stands in Redis, so of the address's digest it has what hundreds of addresses share.
// Without an address of its own: `who`, which tells it from the others.
std::string stranger_account(const std::optional<IpAddress>& address, const std::string& who);

}  // namespace gw
