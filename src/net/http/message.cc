#include "net/http/message.h"

#include <algorithm>

#include "base/assert.h"
#include "net/http/head.h"

namespace gw::http {

std::optional<std::string_view> Request::field(std::string_view name) const {
  return find_field(fields, name);
}

std::string_view Request::parameter(std::string_view name) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const PathParameter& parameter) { return parameter.name == name; });
  ASSERT(found != parameters.end());
  return found->value;
}

Response Response::json(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response Response::error(int status, std::string_view code, std::string_view message) {
  const auto is_plain = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
  };
  ASSERT(is_plain(code) && is_plain(message));
  std::string body = R"({"success":false,"error":")";
  body.append(message).append(R"(","code":")").append(code).append("\"}");
  return json(status, std::move(body));
}

Response& Response::header(std::string_view name, std::string_view value) & {
  ASSERT(value.find_first_of("\r\n") == std::string_view::npos);
  extra_head.append(name).append(": ").append(value).append("\r\n");
  return *this;
}

Response&& Response::header(std::string_view name, std::string_view value) && {
  return std::move(header(name, value));
}

}  // namespace gw::http
