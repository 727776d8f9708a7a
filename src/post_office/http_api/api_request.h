// One call of the service API, and how it is answered.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "json/json.h"
#include "net/http/message.h"
#include "net/http/server.h"
#include "post_office/api_keys.h"

namespace gw::http_api {

struct ApiRequest {
  http::Request& request;  // while the call is handled; see net/http/message.h
  http::Responder responder;
  // Who asks; null where no key is needed. As long as the program.
  const ApiKey* key;
};

using Handler = std::function<void(ApiRequest)>;

// {"success":false,"error":…,"code":…} with the status that fits.
http::Response refusal(const Error& error);
inline void refuse(http::Responder& responder, const Error& error) { responder.send(refusal(error)); }
// {"success":true, and what `fill` adds of members}.
template <class Fill>
void succeed(http::Responder& responder, Fill fill, int status = 200) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object().member("success", true);
  fill(writer);
  writer.end_object();
  responder.send(http::Response::json(status, std::move(body)));
}

// A path parameter of the route, decoded.
Result<std::string> path_parameter(const http::Request& request, std::string_view name);

}  // namespace gw::http_api
