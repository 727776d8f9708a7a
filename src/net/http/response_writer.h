// Responses as bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "net/http/message.h"

namespace gw::http {

struct ResponseForm {
  bool close = false;                // "Connection: close"
  bool head_only = false;            // the request was HEAD
  std::string_view extra_head = {};  // beside the response's own
  enum class Body { length, chunked, until_close } body = Body::length;
};

void append_response(std::string& out, const Response& response, const ResponseForm& form, WallTime now);

}  // namespace gw::http
