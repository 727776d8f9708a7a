// Which addresses are the Internet's: none of them leads into a network of somebody's own.
#pragma once

#include "base/ip.h"

namespace gw {

// False for whatever IANA's registries of special-purpose addresses (RFC 6890) have: this machine, private
// and shared networks, link-local ones (where clouds keep their metadata), multicast, documentation, and
// those that carry another address within (6to4, Teredo, NAT64), which may be any of these.
bool is_public(const IpAddress& address);

}  // namespace gw
