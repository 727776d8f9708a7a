// A session token in a cookie (RFC 6265). A browser sends its cookies along with whatever any page asks for,
// so a token in one counts only beside an Origin that says whose page it was. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/http_field.h"

namespace gw::http {

// The value of that cookie; empty: there is none, or an empty one. `host` is the request's.
// permission_denied: it came without an Origin, or from a page that may not use it; invalid_argument: two are
// called so, and nobody can say which of them a page of another name has put there.
Result<std::string_view> cookie_token(std::span<const HttpField> fields, std::string_view name,
                                      std::string_view host, std::span<const std::string> allowed_origins);

}  // namespace gw::http
