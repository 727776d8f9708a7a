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

bool is_label(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

bool is_same_host(std::string_view host, std::string_view other) { return equal_ignoring_case(host, other); }

// `pattern` is a host, or "*." and what follows its first label.
bool fits(std::string_view host, std::string_view pattern) {
  if (!pattern.starts_with("*.")) return is_same_host(host, pattern);
  const size_t dot = std::min(host.find('.'), host.size());
  return is_label(host.substr(0, dot)) && is_same_host(host.substr(dot), pattern.substr(1));
}

template <bool (*are_alike)(std::string_view host, std::string_view other)>
bool fits_host_port(std::string_view authority, std::string_view other, std::string_view default_port) {
  const auto left = split(authority);
  const auto right = split(other);
  if (!left || !right) return false;
  const auto port = [&](const HostPort& hp) { return hp.port.empty() ? default_port : hp.port; };
  return are_alike(left->host, right->host) && port(*left) == port(*right);
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
  if (web && fits_host_port<is_same_host>(authority, host, default_port)) return true;
  return std::any_of(allowed.begin(), allowed.end(), [&](std::string_view entry) {
    if (entry == "*") return true;
    const size_t at = entry.find("://");
    return at != std::string_view::npos && equal_ignoring_case(entry.substr(0, at), scheme) &&
           fits_host_port<fits>(authority, entry.substr(at + 3), default_port);
  });
}

}  // namespace gw::http
