// Counting by address: what one machine usually has to itself.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/ip.h"

namespace gw {

// The address, or its /64 of IPv6.
inline IpAddress machine_of(IpAddress address) {
  if (!address.is_v4()) std::fill(address.bytes.begin() + 8, address.bytes.end(), uint8_t{0});
  return address;
}

struct IpAddressHash {
  size_t operator()(const IpAddress& address) const {
    uint64_t high, low;
    std::memcpy(&high, address.bytes.data(), sizeof(high));
    std::memcpy(&low, address.bytes.data() + sizeof(high), sizeof(low));
    return std::hash<uint64_t>()(high * 0x9e3779b97f4a7c15ULL + low);
  }
};

}  // namespace gw
