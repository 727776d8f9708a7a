#include "post_office/http_api/api_request.h"

#include "net/http/query.h"

namespace gw::http_api {
namespace {

int status_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::protocol_error: return 400;
    case Errc::unauthenticated: return 401;
    case Errc::permission_denied: return 403;
    case Errc::not_found: return 404;
    case Errc::already_exists:
    case Errc::failed_precondition: return 409;
    case Errc::too_large: return 413;
    case Errc::resource_exhausted:
    case Errc::unavailable:
    case Errc::timeout:
    case Errc::closed: return 503;
    case Errc::internal: break;
  }
  return 500;
}

}  // namespace

http::Response refusal(const Error& error) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("success", false)
      .member("error", error.detail)
      .member("code", to_string(error.code))
      .end_object();
  const int status = status_of(error.code);
  http::Response response = http::Response::json(status, std::move(body));
  if (status == 503) response.header("Retry-After", "1");
  return response;
}

Result<std::string> path_parameter(const http::Request& request, std::string_view name) {
  return http::percent_decode(request.parameter(name));
}

}  // namespace gw::http_api
