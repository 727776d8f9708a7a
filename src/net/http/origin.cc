#include "net/http/origin.h"

#include <algorithm>
#include <optional>

#include "base/http_field.h"

namespace gw::http {
namespace {

struct HostPort {
  std::string_view host;
  std::string_view port;  // empty: the scheme's default
};

std::optional<HostPort> split(std::string_view text) {
  if (text.empty()) return std::nullopt;
  // In an IPv6 literal colons stand inside the brackets.
  const size_t after_host = text.front() == '[' ? text.find(']') : 0;
  if (after_host == std::string_view::npos) return std::nullopt;
  const size_t colon = text.find(':', after_host);
  if (colon == std::string_view::npos) return HostPort{text, {}};
  return HostPort{text.substr(0, colon), text.substr(colon + 1)};
}

bool same_host_port(std::string_view a, std::string_view b, std::string_view default_port) {
  const auto left = split(a);
  const auto right = split(b);
  if (!left || !right) return false;
  const auto port = [&](const HostPort& hp) { return hp.port.empty() ? default_port : hp.port; };
  return equal_ignoring_case(left->host, right->host) && port(*left) == port(*right);
}

}  // namespace

bool is_origin_allowed(std::string_view origin, std::string_view host, std::span<const std::string> allowed) {
  const size_t separator = origin.find("://");
  if (separator == std::string_view::npos) return false;  // "null" among others
  const std::string_view scheme = origin.substr(0, separator);
  const std::string_view authority = origin.substr(separator + 3);
  const bool https = equal_ignoring_case(scheme, "https");
  const std::string_view default_port = https ? "443" : "80";

  const bool web = https || equal_ignoring_case(scheme, "http");
  if (web && same_host_port(authority, host, default_port)) return true;
  return std::any_of(allowed.begin(), allowed.end(), [&](std::string_view entry) {
    if (entry == "*") return true;
    const size_t at = entry.find("://");
    return at != std::string_view::npos && equal_ignoring_case(entry.substr(0, at), scheme) &&
           same_host_port(entry.substr(at + 3), authority, default_port);
  });
}

}  // namespace gw::http
