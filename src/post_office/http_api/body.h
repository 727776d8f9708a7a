// What is no JSON in UTF-8, seen from outside: so that the caller is told what to mend, not where a parser
// stopped.
#pragma once

#include <optional>

#include "net/http/message.h"

namespace gw::http_api {

// 415 that names the coding or the type, or empty; then the body may go to a parser, without its byte order
// mark. The type alone refuses nothing: many say none, or a wrong one, for good JSON.
std::optional<http::Response> refuse_body(http::Request& request);

}  // namespace gw::http_api
