#include "net/http/message.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"
#include "net/http/head.h"

namespace gw::http {
namespace {

struct Status {
  int number;
  std::string_view reason;
  std::string_view code;  // of an error
};
constexpr Status kStatuses[] = {
    {200, "OK", ""},
    {201, "Created", ""},
    {202, "Accepted", ""},
    {204, "No Content", ""},
    {304, "Not Modified", ""},
    {400, "Bad Request", "bad_request"},
    {401, "Unauthorized", "unauthenticated"},
    {403, "Forbidden", "permission_denied"},
    {404, "Not Found", "not_found"},
    {405, "Method Not Allowed", "method_not_allowed"},
    {406, "Not Acceptable", "bad_request"},
    {408, "Request Timeout", "timeout"},
    {409, "Conflict", "already_exists"},
    {410, "Gone", "expired"},
    {413, "Content Too Large", "too_large"},
    {415, "Unsupported Media Type", "unsupported_media_type"},
    {417, "Expectation Failed", "bad_request"},
    {421, "Misdirected Request", "wrong_host"},
    {426, "Upgrade Required", "upgrade_required"},
    {429, "Too Many Requests", "too_many_connections"},
    {431, "Request Header Fields Too Large", "too_large"},
    {500, "Internal Server Error", "internal"},
    {501, "Not Implemented", "bad_request"},
    {503, "Service Unavailable", "unavailable"},
    {504, "Gateway Timeout", "timeout"},
    {505, "HTTP Version Not Supported", "bad_request"},
};

const Status& look_up(int status) {
  const auto* found = std::find_if(std::begin(kStatuses), std::end(kStatuses),
                                   [&](const Status& known) { return known.number == status; });
  ASSERT(found != std::end(kStatuses));
  return *found;
}

}  // namespace

std::string_view reason_of(int status) { return look_up(status).reason; }
std::string_view code_of(int status) { return look_up(status).code; }

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
