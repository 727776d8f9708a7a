#include "net/http/forwarded.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "net/http/head.h"

namespace gw::http {
namespace {

constexpr size_t kHopsMax = 32;

// The elements of a comma-separated list over all fields of that name, in order.
std::vector<std::string_view> list_elements(std::span<const HttpField> fields, std::string_view name) {
  std::vector<std::string_view> elements;
  for (const HttpField& field : fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    std::string_view rest = field.value;
    while (true) {
      const size_t comma = rest.find(',');
      elements.push_back(trim_blanks(rest.substr(0, comma)));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return elements;
}

// An address as proxies write it: with or without a port, IPv6 with or without brackets.
std::optional<IpAddress> parse_node(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    return IpAddress::parse(text.substr(1, end - 1));
  }
  const size_t colon = text.find(':');
  const bool has_port =
      colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
  return IpAddress::parse(has_port ? text.substr(0, colon) : text);
}

// RFC 7239 4: for=192.0.2.43;proto=https;host="a:8000". Empty when the element has no such parameter.
std::string_view forwarded_parameter(std::string_view element, std::string_view name) {
  while (!element.empty()) {
    const size_t semicolon = element.find(';');
    const std::string_view pair = trim_blanks(element.substr(0, semicolon));
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && equal_ignoring_case(pair.substr(0, equals), name)) {
      std::string_view value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      return value;
    }
    if (semicolon == std::string_view::npos) break;
    element.remove_prefix(semicolon + 1);
  }
  return {};
}

// Each proxy appends the address it saw: from the right, the first that is no trusted proxy is the client.
// Behind something unreadable nothing is known, so the proxy that wrote it stands for the client.
template <class NodeOf>
IpAddress client_behind(IpAddress address, const std::vector<std::string_view>& hops,
                        std::span<const IpNetwork> trusted, const NodeOf& node_of) {
  const size_t count = std::min(hops.size(), kHopsMax);
  for (size_t i = 0; i < count && is_trusted_proxy(address, trusted); ++i) {
    const std::optional<IpAddress> previous = parse_node(node_of(hops[hops.size() - 1 - i]));
    if (!previous) break;
    address = *previous;
  }
  return address;
}

// Traefik says ws and wss of WebSocket requests.
std::optional<std::string_view> scheme_from(std::string_view text) {
  if (equal_ignoring_case(text, "https") || equal_ignoring_case(text, "wss")) return "https";
  if (equal_ignoring_case(text, "http") || equal_ignoring_case(text, "ws")) return "http";
  return std::nullopt;
}

// "a:80" and "[::1]:80" without their ports.
std::string_view without_port(std::string_view host) {
  const size_t colon = host.rfind(':');
  const size_t bracket = host.rfind(']');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon);
  return has_port ? host.substr(0, colon) : host;
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

// A port that the host has itself goes before the one that proxies write beside it.
std::string with_port(const std::string& host, std::string_view port, std::string_view scheme) {
  const bool has_port = without_port(host).size() != host.size();
  if (host.empty() || has_port || port == (scheme == "https" ? "443" : "80")) return host;
  return host + ":" + std::string(port);
}

bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".-_:[]").find(c) != std::string_view::npos;
  });
}

}  // namespace

bool is_trusted_proxy(const IpAddress& address, std::span<const IpNetwork> trusted) {
  return address.is_unix_socket() ||
         std::any_of(trusted.begin(), trusted.end(),
                     [&](const IpNetwork& network) { return network.contains(address); });
}

bool stands_for_many(const IpAddress& address, std::span<const IpNetwork> trusted) {
  return address.is_this_machine() || is_trusted_proxy(address, trusted);
}

Requester requester_of(const IpAddress& peer, std::span<const HttpField> fields,
                       std::span<const IpNetwork> trusted_proxies, bool secure) {
  Requester requester{peer, secure ? "https" : "http", std::string(find_field(fields, "Host").value_or(""))};
  if (!is_trusted_proxy(peer, trusted_proxies)) return requester;

  // The proxy next to us wrote the last element of each list; scheme and host are taken from there.
  std::string_view scheme;
  std::string_view host;
  const auto x_forwarded_for = list_elements(fields, "X-Forwarded-For");
  const auto x_proto = list_elements(fields, "X-Forwarded-Proto");
  const auto x_host = list_elements(fields, "X-Forwarded-Host");
  const auto x_port = list_elements(fields, "X-Forwarded-Port");
  const auto forwarded = list_elements(fields, "Forwarded");
  if (!x_forwarded_for.empty() || !x_proto.empty() || !x_host.empty() || !x_port.empty()) {
    requester.address =
        client_behind(peer, x_forwarded_for, trusted_proxies, [](std::string_view hop) { return hop; });
    if (!x_proto.empty()) scheme = x_proto.back();
    if (!x_host.empty()) host = x_host.back();
  } else if (!forwarded.empty()) {
    requester.address = client_behind(peer, forwarded, trusted_proxies,
                                      [](std::string_view hop) { return forwarded_parameter(hop, "for"); });
    scheme = forwarded_parameter(forwarded.back(), "proto");
    host = forwarded_parameter(forwarded.back(), "host");
  }
  if (const auto known = scheme_from(scheme)) requester.scheme = *known;
  if (is_host(host)) requester.host = host;
  if (!x_port.empty() && is_port(x_port.back()))
    requester.host = with_port(requester.host, x_port.back(), requester.scheme);
  return requester;
}

bool is_loopback_host(std::string_view host) {
  const std::string_view name = without_port(host);
  const auto address =
      IpAddress::parse(name.starts_with('[') && name.ends_with(']') ? name.substr(1, name.size() - 2) : name);
  return equal_ignoring_case(name, "localhost") || (address && address->is_loopback());
}

bool is_wrong_host(const IpAddress& requester, std::string_view host, const SocketAddress& peer,
                   const SocketAddress& local) {
  // Browsers name a host always; probes in HTTP/1.0 do not.
  return requester == peer.ip && local.ip.is_loopback() && !host.empty() && !is_loopback_host(host);
}

}  // namespace gw::http
