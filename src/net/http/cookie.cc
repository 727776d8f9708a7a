#include "net/http/cookie.h"

#include <optional>

#include "net/http/forwarded.h"
#include "net/http/head.h"
#include "net/http/origin.h"

namespace gw::http {
namespace {

struct Found {
  size_t times = 0;
  std::string_view value = {};
};

std::string_view unquoted(std::string_view value) {
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

// name=value pairs between semicolons (5.4); other people's cookies may hold anything.
void find_in(std::string_view pairs, std::string_view name, Found& found) {
  while (!pairs.empty()) {
    const size_t end = std::min(pairs.find(';'), pairs.size());
    const std::string_view pair = trim_blanks(pairs.substr(0, end));
    pairs.remove_prefix(std::min(end + 1, pairs.size()));
    const size_t equals = pair.find('=');
    if (equals == pair.npos || trim_blanks(pair.substr(0, equals)) != name) continue;
    ++found.times;
    found.value = unquoted(trim_blanks(pair.substr(equals + 1)));
  }
}

// Of the own host only a page that nobody on the way can have written: of http:// its name alone says
// nothing, and wss:// to the same host would get the cookie.
bool may_use_cookies(std::string_view origin, std::string_view host,
                     std::span<const std::string> allowed_origins) {
  if (is_origin_allowed(origin, {}, allowed_origins)) return true;
  const bool is_private = equal_ignoring_case(origin.substr(0, 8), "https://") || is_loopback_host(host);
  return is_private && is_origin_allowed(origin, host, {});
}

}  // namespace

Result<std::string_view> cookie_token(std::span<const HttpField> fields, std::string_view name,
                                      std::string_view host, std::span<const std::string> allowed_origins) {
  if (name.empty()) return std::string_view();
  Found found;
  for (const HttpField& field : fields)
    if (equal_ignoring_case(field.name, "Cookie")) find_in(field.value, name, found);
  if (found.times > 1) return Error{Errc::invalid_argument, "the session's cookie stands more than once"};
  if (found.value.empty()) return std::string_view();
  if (count_fields(fields, "Origin") != 1)
    return Error{Errc::permission_denied, "a session's cookie counts only with an Origin"};
  if (!may_use_cookies(trim_blanks(*find_field(fields, "Origin")), host, allowed_origins))
    return Error{Errc::permission_denied,
                 "a session's cookie does not count from this Origin; add it with --allowed-origin"};
  return found.value;
}

}  // namespace gw::http
