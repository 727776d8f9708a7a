#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/http_field.h"
#include "base/ip.h"
#include "engine/redis/url.h"

namespace gw {
namespace {

constexpr size_t kQuotedMax = 80;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool is_alphanumeric(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }

bool only(std::string_view text, std::string_view besides) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alphanumeric(c) || besides.find(c) != std::string_view::npos; });
}

// Cuts `text` at the first `separator` and returns what came before it; all of it when there is none.
std::string_view take_until(std::string_view& text, std::string_view separators) {
  const size_t at = std::min(text.find_first_of(separators), text.size());
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at);
  return before;
}

bool is_scheme(std::string_view text) {
  return !text.empty() && is_alphanumeric(text[0]) && !(text[0] >= '0' && text[0] <= '9') &&
         only(text, "+-.");
}

bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    const std::string_view inside = text.substr(1, text.size() - 2);
    return text.ends_with(']') && inside.find(':') != std::string_view::npos && IpAddress::parse(inside);
  }
  return !text.empty() && text.size() <= 253 && only(text, ".-_");
}

// Not an address, and with a dot between names.
bool is_domain(std::string_view host) {
  return is_host(host) && !IpAddress::parse(host) && host.front() != '[' && host.front() != '.' &&
         host.find("..") == std::string_view::npos && host.back() != '.' &&
         host.find('.') != std::string_view::npos;
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::optional<uint16_t> default_port(std::string_view scheme) {
  if (scheme == "http" || scheme == "ws") return uint16_t{80};
  if (scheme == "https" || scheme == "wss") return uint16_t{443};
  return std::nullopt;
}

// scheme://host[:port], the scheme's own port left out.
std::string site_of(const Url& url) {
  std::string out = url.scheme + "://" + url.host;
  if (url.port && url.port != default_port(url.scheme)) out += ":" + std::to_string(*url.port);
  return out;
}

// Damerau's distance without repeated edits of one place: insert, delete, change, swap of neighbours.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> previous(b.size() + 1);
  std::vector<size_t> current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({change, previous[j] + 1, current[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

}  // namespace

std::optional<uint64_t> parse_count(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint64_t> parse_size(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<uint64_t> number = parse_count(text.substr(0, digits));
  const std::string unit = lower(text.substr(digits));
  if (!number) return std::nullopt;
  constexpr std::array<std::array<std::string_view, 2>, 4> kUnits{
      {{"", "b"}, {"k", "kib"}, {"m", "mib"}, {"g", "gib"}}};
  for (size_t power = 0; power < kUnits.size(); ++power) {
    if (unit != kUnits[power][0] && unit != kUnits[power][1]) continue;
    const size_t shift = 10 * power;
    if (*number > std::numeric_limits<uint64_t>::max() >> shift) return std::nullopt;
    return *number << shift;
  }
  return std::nullopt;
}

std::string format_size(uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kUnits{"", "KiB", "MiB", "GiB"};
  size_t power = 0;
  while (bytes != 0 && bytes % 1024 == 0 && power + 1 < kUnits.size()) {
    bytes /= 1024;
    ++power;
  }
  return std::to_string(bytes).append(kUnits[power]);
}

std::optional<bool> parse_switch(std::string_view text) {
  const std::string word = lower(text);
  if (word == "on" || word == "true" || word == "yes" || word == "1") return true;
  if (word == "off" || word == "false" || word == "no" || word == "0") return false;
  return std::nullopt;
}

std::vector<std::string> split_at_blanks(std::string_view text) {
  std::vector<std::string> items;
  constexpr std::string_view kBlanks = " \t\r\n";
  for (size_t at = text.find_first_not_of(kBlanks); at < text.size();) {
    const size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    items.emplace_back(text.substr(at, end - at));
    at = std::min(text.find_first_not_of(kBlanks, end), text.size());
  }
  return items;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  if (trim_blanks(text).empty()) return items;
  for (;;) {
    items.emplace_back(trim_blanks(take_until(text, ",")));
    if (text.empty()) return items;
    text.remove_prefix(1);
  }
}

std::optional<Url> Url::parse(std::string_view text) {
  const size_t separator = text.find("://");
  if (separator == std::string_view::npos || !is_visible(text)) return std::nullopt;
  Url url;
  url.scheme = lower(text.substr(0, separator));
  text.remove_prefix(separator + 3);
  std::string_view authority = take_until(text, "/?#");
  url.path = text;
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.userinfo = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  url.host = lower(authority.substr(0, colon));
  if (colon != std::string_view::npos) {
    const std::optional<uint64_t> port = parse_count(authority.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return std::nullopt;
    url.port = static_cast<uint16_t>(*port);
  }
  if (!is_scheme(url.scheme) || !is_host(url.host)) return std::nullopt;
  return url;
}

std::optional<std::string> parse_public_url(std::string_view text) {
  std::optional<Url> url = Url::parse(text);
  if (!url || url->userinfo || !only(url->path, "/-._~%!$&'()*+,;=:@")) return std::nullopt;  // RFC 3986, 3.3
  if (url->scheme == "http") url->scheme = "ws";
  if (url->scheme == "https") url->scheme = "wss";
  if (url->scheme != "ws" && url->scheme != "wss") return std::nullopt;
  std::string_view prefix = url->path;
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (prefix.ends_with("/ws")) prefix.remove_suffix(3);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return site_of(*url).append(prefix);
}

std::optional<std::string> parse_origin(std::string_view text) {
  if (text == "*") return std::string("*");
  // What stands behind "*." is a host with a dot of its own: https://*.com would be half of the web.
  constexpr std::string_view kAnyLabel = "://*.";
  const size_t any = text.find(kAnyLabel);
  std::string without(text);
  if (any != std::string_view::npos) without.erase(any + 3, 2);
  const std::optional<Url> url = Url::parse(without);
  if (!url || url->userinfo || !url->path.empty()) return std::nullopt;
  if (any == std::string_view::npos) return site_of(*url);
  if (!is_domain(url->host)) return std::nullopt;
  return site_of(*url).insert(url->scheme.size() + 3, "*.");
}

std::optional<std::string> parse_jwks_url(std::string_view text) {
  const std::optional<Url> url = Url::parse(text);
  if (!url || url->userinfo || (url->scheme != "http" && url->scheme != "https")) return std::nullopt;
  if (!url->path.starts_with('/') || !only(url->path, "/-._~%!$&'()*+,;=:@?")) return std::nullopt;
  return site_of(*url) + url->path;
}

std::optional<std::string> parse_consul_url(std::string_view text) {
  std::optional<Url> url = Url::parse(text);
  if (!url || url->userinfo || !(url->path.empty() || url->path == "/")) return std::nullopt;
  if (url->scheme != "http" && url->scheme != "https") return std::nullopt;
  const uint16_t port = url->port.value_or(url->scheme == "https" ? 8501 : 8500);
  if (port == 0) return std::nullopt;
  return url->scheme + "://" + url->host + ":" + std::to_string(port);
}

bool is_consul_service(std::string_view text) {
  return !text.empty() && text.size() <= 63 && only(text, "-") && text.front() != '-' && text.back() != '-';
}

bool is_consul_token(std::string_view text) {
  return !text.empty() && text.size() <= 512 && is_visible(text) && text.find(' ') == std::string_view::npos;
}

bool is_consul_tag(std::string_view text) {
  return !text.empty() && text.size() <= 255 && is_visible(text) && text.find(',') == std::string_view::npos;
}

std::optional<std::string> parse_advertise(std::string_view text) {
  // A bare IPv6 address has no port: its colons leave no place for one.
  const bool bare_v6 = text.find(':') != text.rfind(':') && IpAddress::parse(text);
  const std::string authority = bare_v6 ? "[" + std::string(text) + "]" : std::string(text);
  const std::optional<Url> url = Url::parse("http://" + authority);
  if (!url || url->userinfo || !url->path.empty() || url->port == 0) return std::nullopt;
  const std::string_view host = url->host;
  const auto ip = IpAddress::parse(host.starts_with('[') ? host.substr(1, host.size() - 2) : host);
  if (ip && ip->is_unspecified()) return std::nullopt;
  return url->host + (url->port ? ":" + std::to_string(*url->port) : "");
}

bool is_redis_url(std::string_view text) { return redis::Url::parse(text).has_value(); }

bool has_credentials(std::string_view redis_url) {
  const std::optional<redis::Url> url = redis::Url::parse(redis_url);
  return url && !(url->user.empty() && url->password.empty() && url->sentinel_password.empty());
}

bool is_same_redis(std::string_view a, std::string_view b) {
  const auto one = redis::Url::parse(a), other = redis::Url::parse(b);
  if (!one || !other || one->socket_path != other->socket_path) return false;
  if (one->sentinel_master != other->sentinel_master) return false;
  // Sentinels that share one of them are the same.
  const auto is_in_other = [&](const HostPort& host) {
    return std::any_of(other->hosts.begin(), other->hosts.end(),
                       [&](const HostPort& its) { return its.host == host.host && its.port == host.port; });
  };
  return one->hosts.empty() || std::any_of(one->hosts.begin(), one->hosts.end(), is_in_other);
}

std::string mask_credentials(std::string_view redis_url) {
  if (!is_redis_url(redis_url)) return "(not shown)";
  // What is behind the name of a master is of sentinels' passwords.
  if (const size_t query = redis_url.find("?sentinel_"); query != std::string_view::npos) {
    return mask_credentials(redis_url.substr(0, query)) + "?****";
  }
  const size_t begin = redis_url.find("://") + 3;
  const size_t at = redis_url.substr(0, redis_url.find('/', begin)).rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(redis_url);
  // Without a colon some take it for the password.
  const std::string_view userinfo = redis_url.substr(begin, at - begin);
  const size_t colon = userinfo.find(':');
  const size_t shown = colon == std::string_view::npos ? 0 : colon + 1;
  return std::string(redis_url.substr(0, begin + shown)) + "****" + std::string(redis_url.substr(at));
}

bool is_key_prefix(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:-{}").find(c) != std::string_view::npos;
  });
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kQuotedMax)) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) - 0x20u >= 0x5f) {  // not printable ASCII
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + (text.size() > kQuotedMax ? "...\"" : "\"");
}

std::string plain_or_quoted(std::string_view text) {
  return !text.empty() && is_visible(text) ? std::string(text) : quote(text);
}

std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  // A third of the letters wrong is still a slip; more is another word.
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  if (name.size() > kQuotedMax) return best;
  for (const std::string& candidate : candidates) {
    const size_t d = distance(name, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace gw
