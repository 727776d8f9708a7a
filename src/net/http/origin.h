// May a page of this origin connect? (RFC 6454; browsers send Origin with every handshake.)
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gw::http {

// Allowed are the request's own host and port, and what is configured: exact scheme, host and port, of
// which "*." at the beginning stands for any one label of the host, or "*" for any. "null" (sandboxed pages,
// files) never is. `host` is the request's Host.
bool is_origin_allowed(std::string_view origin, std::string_view host, std::span<const std::string> allowed);

}  // namespace gw::http
