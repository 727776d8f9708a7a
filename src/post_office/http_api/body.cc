#include "post_office/http_api/body.h"

#include "net/http/head.h"

namespace gw::http_api {
namespace {

constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf";

http::Response unsupported(const char* detail) {
  return http::Response::error(415, http::code_of(415), detail);
}

// A parameter value stands at the end of the field or before the next one.
bool has_charset_utf8(std::string_view type) {
  const size_t at = type.find("charset=");
  if (at == std::string_view::npos) return true;
  std::string_view name = trim_blanks(type.substr(at + 8, type.find(';', at) - at - 8));
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
  return equal_ignoring_case(name, "utf-8") || equal_ignoring_case(name, "utf8") ||
         equal_ignoring_case(name, "us-ascii");
}

bool is_utf16(std::string_view body) {
  return body.starts_with("\xff\xfe") || body.starts_with("\xfe\xff") ||
         (body.size() >= 2 && (body[0] == '\0' || body[1] == '\0'));
}

bool begins_as_json(std::string_view body) {
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
}

}  // namespace

std::optional<http::Response> refuse_body(http::Request& request) {
  if (request.body.empty()) return std::nullopt;
  const auto coding = request.field("Content-Encoding");
  if (coding && !coding->empty() && !equal_ignoring_case(*coding, "identity"))
    return unsupported("Content-Encoding is not served; send the body as it is");
  if (request.body.starts_with(kUtf8Mark)) request.body.remove_prefix(kUtf8Mark.size());
  const std::string_view type = request.field("Content-Type").value_or("");
  if (!has_charset_utf8(type) || is_utf16(request.body))
    return unsupported("the body must be JSON in UTF-8, and is in another charset");
  if (request.body.starts_with("\x1f\x8b")) return unsupported("the body is compressed; send it as it is");
  const bool form = type.starts_with("application/x-www-form-urlencoded") || type.starts_with("multipart/");
  if (form && !begins_as_json(request.body))
    return unsupported("the body is a form; send JSON, and Content-Type: application/json");
  return std::nullopt;
}

}  // namespace gw::http_api
