#include "post_office/http_api/documents.h"

#include "base/http_field.h"
#include "base/ip.h"
#include "post_office/console/page.h"
#include "post_office/http_api/documents_data.h"

namespace gw::http_api {

std::string_view openapi_document() { return {documents_data::kOpenapi, sizeof(documents_data::kOpenapi)}; }
std::string_view asyncapi_document() {
  return {documents_data::kAsyncapi, sizeof(documents_data::kAsyncapi)};
}

void serve_openapi(Call call) {
  call.responder.send(http::Response::json(200, std::string(openapi_document())));
}
void serve_asyncapi(Call call) {
  call.responder.send(http::Response::json(200, std::string(asyncapi_document())));
}

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

void serve_console(Call call) {
  const http::Request& request = call.request;
  // A trusted proxy on this machine knows under which names it serves us.
  const bool direct = request.remote_address == request.peer.ip;
  if (direct && request.local.ip.is_loopback() && !is_loopback_host(request.host)) {
    return call.responder.send(
        http::Response::error(421, "wrong_host", "the console answers to loopback names here"));
  }
  http::Response page;
  page.content_type = "text/html; charset=utf-8";
  page.body = console_page();
  page.header("Content-Security-Policy", console_policy())
      .header("X-Frame-Options", "DENY")
      .header("Referrer-Policy", "no-referrer")
      .header("Cross-Origin-Opener-Policy", "same-origin");
  call.responder.send(std::move(page));
}

}  // namespace gw::http_api
