// Who is behind a proxy. What a request says of itself in Forwarded headers is believed only as far as
// trusted proxies have written it. Pure; for the service API and for the WebSocket upgrade.
#pragma once

#include <span>
#include <string_view>

#include "base/http_field.h"
#include "base/ip.h"

namespace gw::http {

// `host` is a view into the fields.
struct Requester {
  IpAddress address;        // the last address that no trusted proxy vouches past
  std::string_view scheme;  // "http" or "https"
  std::string_view host;    // what the client asked for, port included; empty when the request names none
};

// `peer` is the other end of the TCP connection. X-Forwarded-For/-Proto/-Host count when present, else
// Forwarded (RFC 7239): a proxy writes one family, and the client may have written the other.
Requester requester_of(const IpAddress& peer, std::span<const HttpField> fields,
                       std::span<const IpNetwork> trusted_proxies);

}  // namespace gw::http
