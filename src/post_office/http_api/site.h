// Which names a request may come under. A page whose name an attacker has pointed at this machine (DNS
// rebinding) shows in Host and in Origin.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http/message.h"

namespace gw::http_api {

// localhost, or an address of loopback; with or without a port.
bool is_loopback_host(std::string_view host);
// On loopback only loopback names will do. A trusted proxy on this machine knows under which names it serves
// us, so what came through one is not looked at.
bool is_wrong_host(const http::Request& request);

// Empty: the request may go on. 403 for an Origin that is neither the request's own host and port nor among
// the allowed (as for /ws). Browsers send none where a page only reads from its own site.
std::optional<http::Response> refuse_foreign_origin(const http::Request& request,
                                                    std::span<const std::string> allowed_origins);
// The same, and 421 for a wrong Host.
std::optional<http::Response> refuse_foreign_site(const http::Request& request,
                                                  std::span<const std::string> allowed_origins);

}  // namespace gw::http_api
