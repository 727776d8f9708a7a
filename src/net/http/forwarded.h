// Who is behind a proxy. What a request says of itself in Forwarded headers is believed only as far as
// trusted proxies have written it. Pure; for the service API and for the WebSocket upgrade.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/http_field.h"
#include "base/ip.h"

namespace gw::http {

// Who is at the other end of a Unix socket has been let in by the file's mode, so it is one.
bool is_trusted_proxy(const IpAddress& address, std::span<const IpNetwork> trusted);
// Loopback, Unix sockets and trusted proxies stand for everybody behind them: no bound of an address is
// theirs.
bool stands_for_many(const IpAddress& address, std::span<const IpNetwork> trusted);

struct Requester {
  IpAddress address;        // the last address that no trusted proxy vouches past
  std::string_view scheme;  // "http" or "https"
  std::string host;         // what the client asked for, port included; empty when the request names none
};

// `peer` is the other end of the TCP connection, `secure` whether that is over TLS.
// X-Forwarded-For/-Proto/-Host/-Port count when present, else Forwarded (RFC 7239): a proxy writes one
// family, and the client may have written the other.
Requester requester_of(const IpAddress& peer, std::span<const HttpField> fields,
                       std::span<const IpNetwork> trusted_proxies, bool secure = false);

// localhost, or an address of loopback; with or without a port.
bool is_loopback_host(std::string_view host);
// Whether it came to loopback under a name that is not loopback's: a page whose name an attacker has pointed
// at this machine (DNS rebinding) does. A trusted proxy knows under which names it serves us.
inline constexpr std::string_view kWrongHostMessage = "on loopback the Host must be a loopback name";
bool is_wrong_host(const IpAddress& requester, std::string_view host, const SocketAddress& peer,
                   const SocketAddress& local);

}  // namespace gw::http
