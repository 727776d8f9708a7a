#include "post_office/webhooks/allowed_host.h"

#include <algorithm>
#include <charconv>

#include "base/public_address.h"

namespace gw {
namespace {

constexpr std::string_view kAnyLabel = "*.";

std::optional<uint16_t> take_port(std::string_view& host) {
  const size_t colon = host.rfind(':');
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(host.data() + colon + 1, host.data() + host.size(), port);
  if (error != std::errc{} || end != host.data() + host.size() || port == 0) return std::nullopt;
  host.remove_suffix(host.size() - colon);
  return port;
}

}  // namespace

std::optional<AllowedHost> AllowedHost::parse(std::string_view text) {
  AllowedHost allowed;
  if (const size_t equals = text.find('='); equals != std::string_view::npos) {
    allowed.network = IpNetwork::parse(text.substr(equals + 1));
    if (!allowed.network) return std::nullopt;
    text = text.substr(0, equals);
  }
  const bool is_bracketed = text.starts_with('[') && text.ends_with(']');
  if (!is_bracketed && text.find(':') != std::string_view::npos) {
    allowed.port = take_port(text);
    if (!allowed.port) return std::nullopt;
  }
  const bool any_label = text.starts_with(kAnyLabel);
  allowed.host = parse_host(any_label ? text.substr(kAnyLabel.size()) : text);
  const auto ip = IpAddress::parse(allowed.host);
  if (allowed.host.empty() || (ip && (any_label || allowed.network))) return std::nullopt;
  if (ip) allowed.network = IpNetwork{*ip, 128};
  if (any_label) allowed.host.insert(0, kAnyLabel);
  return allowed;
}

std::string AllowedHost::text() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port) out += ":" + std::to_string(*port);
  if (network && !IpAddress::parse(host)) out += "=" + network->text();
  return out;
}

bool AllowedHost::names(const CallbackUrl& url) const {
  if (port && *port != url.port) return false;
  if (!host.starts_with(kAnyLabel)) return host == url.host;
  const size_t dot = url.host.find('.');
  return dot != std::string::npos &&
         std::string_view(url.host).substr(dot) == std::string_view(host).substr(1);
}

bool is_named(const AllowedHosts& hosts, const CallbackUrl& url) {
  return std::any_of(hosts.begin(), hosts.end(),
                     [&](const AllowedHost& allowed) { return allowed.names(url); });
}

bool may_lead_to(const AllowedHosts& hosts, const CallbackUrl& url, const IpAddress& address) {
  return std::any_of(hosts.begin(), hosts.end(), [&](const AllowedHost& allowed) {
    const bool is_own = allowed.network && allowed.network->contains(address);
    return allowed.names(url) && (is_own || is_public(address));
  });
}

}  // namespace gw
