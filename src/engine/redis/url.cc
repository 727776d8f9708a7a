#include "engine/redis/url.h"

#include <charconv>

#include "base/percent.h"

namespace gw::redis {
namespace {

constexpr uint16_t kSentinelPort = 26379;
constexpr uint16_t kServerPort = 6379;
constexpr size_t kHostsMax = 16;

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

bool is_host(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view(".-_:").find(c) != std::string_view::npos;
    if (!good) return false;
  }
  return true;
}

std::optional<HostPort> parse_host(std::string_view text, uint16_t default_port) {
  HostPort out;
  out.port = default_port;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (out.host.find(':') == std::string::npos || (!port.empty() && port[0] != ':')) return std::nullopt;
  } else {
    const size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
    if (port.rfind(':') != 0 && !port.empty()) return std::nullopt;
  }
  if (!is_host(out.host)) return std::nullopt;
  if (port.empty()) return out;
  const auto number = parse_number<uint16_t>(port.substr(1));
  if (!number || *number == 0) return std::nullopt;
  out.port = *number;
  return out;
}

bool parse_database(std::string_view text, Url& url) {
  if (text.empty()) return true;
  const auto number = parse_number<uint32_t>(text);
  if (!number || *number > 1'000'000) return false;
  url.database = *number;
  return true;
}

bool parse_credentials(std::string_view text, Url& url) {
  const size_t colon = text.find(':');
  // One word alone is a password, as redis-cli and redis-py read it too when there is no colon before it.
  const auto user = percent_decode(colon == std::string_view::npos ? "" : text.substr(0, colon));
  const auto password = percent_decode(colon == std::string_view::npos ? text : text.substr(colon + 1));
  if (!user || !password) return false;
  url.user = *user;
  url.password = *password;
  return true;
}

bool parse_socket(std::string_view rest, Url& url) {
  const size_t query = rest.find('?');
  url.socket_path = rest.substr(0, query);
  if (url.socket_path.size() < 2 || url.socket_path[0] != '/') return false;
  if (query == std::string_view::npos) return true;
  const std::string_view parameter = rest.substr(query + 1);
  return parameter.starts_with("db=") && parameter.size() > 3 && parse_database(parameter.substr(3), url);
}

bool parse_sentinel_credentials(std::string_view query, Url& url) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view parameter = query.substr(0, end);
    const size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view name = parameter.substr(0, equals);
    const auto value = percent_decode(parameter.substr(equals + 1));
    if (!value || value->empty() || (name != "sentinel_user" && name != "sentinel_password")) return false;
    (name == "sentinel_user" ? url.sentinel_user : url.sentinel_password) = *value;
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return !url.sentinel_password.empty();
}

bool parse_hosts(std::string_view text, uint16_t default_port, Url& url) {
  while (true) {
    const size_t comma = text.find(',');
    const auto host = parse_host(text.substr(0, comma), default_port);
    if (!host || url.hosts.size() >= kHostsMax) return false;
    url.hosts.push_back(*host);
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool parse_sentinels(std::string_view rest, Url& url) {
  if (const size_t query = rest.find('?'); query != std::string_view::npos) {
    if (!parse_sentinel_credentials(rest.substr(query + 1), url)) return false;
    rest = rest.substr(0, query);
  }
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return false;
  if (!parse_hosts(rest.substr(0, slash), kSentinelPort, url)) return false;
  const std::string_view path = rest.substr(slash + 1);
  const size_t end = path.find('/');
  url.sentinel_master = path.substr(0, end);
  if (!is_host(url.sentinel_master)) return false;
  return end == std::string_view::npos || parse_database(path.substr(end + 1), url);
}

// A cluster has one database, 0, which may be said.
bool parse_cluster(std::string_view rest, Url& url) {
  const size_t slash = rest.find('/');
  url.is_cluster = true;
  if (slash != std::string_view::npos && !parse_database(rest.substr(slash + 1), url)) return false;
  return url.database == 0 && parse_hosts(rest.substr(0, slash), kServerPort, url);
}

bool parse_server(std::string_view rest, Url& url) {
  const size_t slash = rest.find('/');
  const auto host = parse_host(rest.substr(0, slash), kServerPort);
  if (!host) return false;
  url.hosts.push_back(*host);
  return slash == std::string_view::npos || parse_database(rest.substr(slash + 1), url);
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  Url url;
  const size_t mark = text.find("://");
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = text.substr(0, mark);
  std::string_view rest = text.substr(mark + 3);
  const std::string_view authority = rest.substr(0, rest.find('/'));
  if (authority.find('@') != std::string_view::npos) {
    const size_t at = authority.rfind('@');
    if (!parse_credentials(rest.substr(0, at), url)) return std::nullopt;
    rest.remove_prefix(at + 1);
  }
  bool good = false;
  if (scheme == "redis" || scheme == "rediss") {
    url.tls = scheme == "rediss";
    good = parse_server(rest, url);
  } else if (scheme == "redis+unix") {
    good = parse_socket(rest, url);
  } else if (scheme == "redis+sentinel" || scheme == "rediss+sentinel") {
    url.tls = scheme == "rediss+sentinel";
    good = parse_sentinels(rest, url);
  } else if (scheme == "redis+cluster" || scheme == "rediss+cluster") {
    url.tls = scheme == "rediss+cluster";
    good = parse_cluster(rest, url);
  }
  if (!good) return std::nullopt;
  return url;
}

std::string Url::text() const {
  if (!socket_path.empty()) return "redis+unix://" + socket_path + "?db=" + std::to_string(database);
  std::string out = tls ? "rediss" : "redis";
  if (is_cluster) out += "+cluster";
  if (!sentinel_master.empty()) out += "+sentinel";
  out += "://";
  for (size_t i = 0; i < hosts.size(); ++i) out += (i > 0 ? "," : "") + hosts[i].text();
  if (!sentinel_master.empty()) out += "/" + sentinel_master;
  return is_cluster ? out : out + "/" + std::to_string(database);
}

}  // namespace gw::redis
