#include "post_office/http_api/site.h"

#include "base/http_field.h"
#include "base/ip.h"
#include "gateway/origin.h"
#include "net/http/head.h"

namespace gw::http_api {

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    const auto address =
        end == std::string_view::npos ? std::nullopt : IpAddress::parse(host.substr(1, end - 1));
    return address && address->is_loopback();
  }
  host = host.substr(0, host.find(':'));
  const auto address = IpAddress::parse(host);
  return equal_ignoring_case(host, "localhost") || (address && address->is_loopback());
}

bool is_wrong_host(const http::Request& request) {
  const bool direct = request.remote_address == request.peer.ip;
  return direct && request.local.ip.is_loopback() && !is_loopback_host(request.host);
}

std::optional<http::Response> refuse_foreign_origin(const http::Request& request,
                                                    std::span<const std::string> allowed_origins) {
  const size_t count = http::count_fields(request.fields, "Origin");
  if (count == 0) return std::nullopt;
  const bool allowed =
      count == 1 && is_origin_allowed(trim_blanks(*request.field("Origin")), request.host, allowed_origins);
  if (allowed) return std::nullopt;
  return http::Response::error(403, "origin_not_allowed", "pages of this origin may not use the service API");
}

std::optional<http::Response> refuse_foreign_site(const http::Request& request,
                                                  std::span<const std::string> allowed_origins) {
  if (is_wrong_host(request))
    return http::Response::error(421, "wrong_host", "on loopback the Host must be a loopback name");
  return refuse_foreign_origin(request, allowed_origins);
}

}  // namespace gw::http_api
