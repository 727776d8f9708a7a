#include "base/public_address.h"

#include <algorithm>
#include <vector>

namespace gw {
namespace {

std::vector<IpNetwork> networks(std::initializer_list<const char*> texts) {
  std::vector<IpNetwork> out;
  for (const char* text : texts) out.push_back(*IpNetwork::parse(text));
  return out;
}

bool is_in(const std::vector<IpNetwork>& networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace

bool is_public(const IpAddress& address) {
  static const std::vector<IpNetwork> special_v4 =
      networks({"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
                "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
                "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"});
  // All that is assigned to hosts, and what is special of it.
  static const std::vector<IpNetwork> global_v6 = networks({"2000::/3"});
  static const std::vector<IpNetwork> special_v6 =
      networks({"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"});
  if (address.is_v4()) return !is_in(special_v4, address);
  return is_in(global_v6, address) && !is_in(special_v6, address);
}

}  // namespace gw
