// Where webhooks may lead: a list of hosts, and behind each of them the Internet alone, unless it says which
// addresses of one's own it stands for. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "post_office/webhooks/callback_url.h"

namespace gw {

// HOST[:PORT][=NETWORK]. The first label of a name may be "*": any one label. A NETWORK is what a name may
// lead to although it is nobody's on the Internet: agents.internal=10.0.0.0/8. A host that is an address
// stands for itself, wherever it is.
struct AllowedHost {
  std::string host;  // as CallbackUrl has it, or "*." and a name
  std::optional<uint16_t> port;
  std::optional<IpNetwork> network;

  static std::optional<AllowedHost> parse(std::string_view text);
  std::string text() const;
  bool names(const CallbackUrl& url) const;
  friend bool operator==(const AllowedHost&, const AllowedHost&) = default;
};

using AllowedHosts = std::vector<AllowedHost>;

bool is_named(const AllowedHosts& hosts, const CallbackUrl& url);
// Whether what `url` names may lead to that address.
bool may_lead_to(const AllowedHosts& hosts, const CallbackUrl& url, const IpAddress& address);

}  // namespace gw
