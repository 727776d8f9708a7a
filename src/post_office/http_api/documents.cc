#include "post_office/http_api/documents.h"

#include "post_office/console/page.h"
#include "post_office/http_api/documents_data.h"
#include "post_office/http_api/site.h"

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

void serve_console(Call call) {
  if (is_wrong_host(call.request)) {
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
