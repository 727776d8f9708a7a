#include "post_office/webhooks/callback_url.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/ip.h"

namespace gw {
namespace {

constexpr size_t kHostBytesMax = 253, kLabelBytesMax = 63;

Error wrong(std::string_view what) {
  return {Errc::invalid_argument, "callback must be an http:// or https:// address: " + std::string(what)};
}

bool is_visible(char c) { return c > ' ' && c < 0x7f; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_host_byte(char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), is_host_byte);
}

// What resolvers take for a number in one of the old forms.
bool is_numeric(std::string_view label) {
  return label.starts_with("0x") || std::all_of(label.begin(), label.end(), is_digit);
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_port = !text.empty() && error == std::errc{} && end == text.data() + text.size() && port != 0;
  return is_port ? std::optional(port) : std::nullopt;
}

// Where the host of "host:port", which may be bracketed, ends.
size_t end_of_host(std::string_view authority) {
  if (authority.starts_with('[')) {
    const size_t bracket = authority.find(']');
    return bracket == std::string_view::npos ? bracket : bracket + 1;
  }
  return std::min(authority.find(':'), authority.size());
}

}  // namespace

std::string parse_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    const auto ip = IpAddress::parse(text.substr(1, text.size() - 2));
    return ip && text.find(':') != std::string_view::npos ? ip->text() : "";
  }
  if (text.size() > kHostBytesMax) return "";
  std::string host(text);
  std::transform(host.begin(), host.end(), host.begin(), lower);
  std::string_view label, rest = host;
  while (true) {
    const size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!is_label(label)) return "";
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (!is_numeric(label)) return host;
  const auto ip = IpAddress::parse(host);
  return ip && ip->text() == host ? host : "";
}

Result<CallbackUrl> CallbackUrl::parse(std::string_view text) {
  if (text.size() > kBytesMax) return wrong("it is too long");
  if (!std::all_of(text.begin(), text.end(), is_visible) || text.find_first_of("\\#") != text.npos)
    return wrong("it holds what no such address has");
  CallbackUrl url;
  url.tls = text.starts_with("https://");
  if (!url.tls && !text.starts_with("http://")) return wrong("its scheme");
  text.remove_prefix(url.tls ? 8 : 7);
  const std::string_view authority = text.substr(0, text.find_first_of("/?"));
  text.remove_prefix(authority.size());
  if (authority.find('@') != authority.npos) return wrong("no user belongs into it");
  const size_t host_end = end_of_host(authority);
  if (host_end == authority.npos) return wrong("its host");
  url.host = parse_host(authority.substr(0, host_end));
  if (url.host.empty()) return wrong("its host");
  const uint16_t usual_port = url.tls ? 443 : 80;
  const auto port = host_end == authority.size() ? usual_port : parse_port(authority.substr(host_end + 1));
  if (!port || (host_end < authority.size() && authority[host_end] != ':')) return wrong("its port");
  url.port = *port;
  url.host_field = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  if (url.port != usual_port) url.host_field += ":" + std::to_string(url.port);
  url.target = text.starts_with('/') ? std::string(text) : "/" + std::string(text);
  return url;
}

}  // namespace gw
