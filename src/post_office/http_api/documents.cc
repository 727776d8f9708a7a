#include "post_office/http_api/documents.h"

#include "base/assert.h"
#include "json/json.h"
#include "post_office/console/page.h"
#include "post_office/http_api/documents_data.h"

namespace gw::http_api {

std::string_view openapi_document() { return {documents_data::kOpenapi, sizeof(documents_data::kOpenapi)}; }
std::string_view asyncapi_document() {
  return {documents_data::kAsyncapi, sizeof(documents_data::kAsyncapi)};
}

std::string openapi_document(const ChannelTable& channels) {
  constexpr std::string_view kBegin = R"("Channel": {
        "type": "string",
        "enum": )";
  const std::string_view document = openapi_document();
  const size_t begin = document.find(kBegin);
  ASSERT(begin != std::string_view::npos);
  const size_t list = begin + kBegin.size();
  std::string filled(document.substr(0, list));
  json::Writer writer(filled);
  writer.begin_array();
  for (const std::string& name : channels.names()) writer.value(name);
  writer.end_array();
  filled.append(document.substr(document.find(']', list) + 1));
  return filled;
}

Handler serve_openapi(const ChannelTable& channels) {
  return [&channels](ApiRequest call) {
    call.responder.send(http::Response::json(200, openapi_document(channels)));
  };
}
void serve_asyncapi(ApiRequest call) {
  call.responder.send(http::Response::json(200, std::string(asyncapi_document())));
}

void serve_console(ApiRequest call) {
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
