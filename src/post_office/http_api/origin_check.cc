#include "post_office/http_api/origin_check.h"

#include "base/http_field.h"
#include "net/http/forwarded.h"
#include "net/http/head.h"
#include "net/http/origin.h"

namespace gw::http_api {

std::optional<http::Response> refuse_wrong_host(const http::Request& request) {
  if (!http::is_wrong_host(request.remote_address, request.host, request.peer, request.local))
    return std::nullopt;
  return http::Response::error(421, "wrong_host", http::kWrongHostMessage);
}

std::optional<http::Response> refuse_foreign_origin(const http::Request& request,
                                                    std::span<const std::string> allowed_origins) {
  const size_t count = http::count_fields(request.fields, "Origin");
  if (count == 0) return std::nullopt;
  const bool allowed = count == 1 && http::is_origin_allowed(trim_blanks(*request.field("Origin")),
                                                             request.host, allowed_origins);
  if (allowed) return std::nullopt;
  return http::Response::error(403, "origin_not_allowed", "pages of this origin may not use the service API");
}

bool allow_page(const http::Request& request, http::Responder& responder,
                std::span<const std::string> allowed_origins, const PageLeave& leave) {
  // Whoever keeps an answer keeps it for that page alone, also where it lacks the lines below.
  responder.add_header("Vary", "Origin");
  if (http::count_fields(request.fields, "Origin") != 1) return false;
  const std::string_view origin = trim_blanks(*request.field("Origin"));
  // Without a host of its own, so that only the configured ones will do: pages of its own need no leave.
  if (!http::is_origin_allowed(origin, {}, allowed_origins)) return false;
  responder.add_header("Access-Control-Allow-Origin", origin);
  responder.add_header("Access-Control-Expose-Headers", leave.exposed);
  if (request.method != "OPTIONS" || !request.field("Access-Control-Request-Method")) return false;
  http::Response granted;
  granted.status = 204;
  granted.content_type = {};
  granted.header("Access-Control-Allow-Methods", leave.methods)
      .header("Access-Control-Allow-Headers", leave.headers)
      .header("Access-Control-Max-Age", "600");
  responder.send(std::move(granted));
  return true;
}

}  // namespace gw::http_api
