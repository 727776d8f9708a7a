// What single values look like: text in, value or nothing out. Nothing here knows a setting's name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw {

// Decimal digits only.
std::optional<uint64_t> parse_count(std::string_view text);

// Bytes: "65536", "64k", "64KiB", "1M", "1MiB", "1G", "1GiB" (powers of 1024, upper or lower case).
std::optional<uint64_t> parse_size(std::string_view text);
// The shortest such form that reads back to the same number.
std::string format_size(uint64_t bytes);

// "on", "true", "yes", "1" and their opposites.
std::optional<bool> parse_switch(std::string_view text);

// Items between commas, without the blanks around them. An empty text has none.
std::vector<std::string> split_list(std::string_view text);
std::vector<std::string> split_at_blanks(std::string_view text);

// scheme://[userinfo@]host[:port][/path]. Scheme and host in lower case; an IPv6 host keeps its brackets.
struct Url {
  std::string scheme;
  std::optional<std::string> userinfo;
  std::string host;
  std::optional<uint16_t> port;
  std::string path;  // with its leading slash, query included; may be empty

  static std::optional<Url> parse(std::string_view text);
};

// How clients reach the gateway, as the beginning of a WebSocket address: "https://a.example/x/" and
// "wss://a.example/x/ws" both give "wss://a.example/x".
std::optional<std::string> parse_public_url(std::string_view text);

// An origin as browsers send it (RFC 6454, 6.2): lower case, without the scheme's default port; or "*". The
// first label of a host name may be "*": https://*.example.org.
// "null" is not one.
std::optional<std::string> parse_origin(std::string_view text);
// http:// or https://, host, port where it is not the scheme's own, and a path.
std::optional<std::string> parse_jwks_url(std::string_view text);

bool is_redis_url(std::string_view text);
bool has_credentials(std::string_view redis_url);
// Two addresses of one server, or of one master behind sentinels, whichever the database and the user.
bool is_same_redis(std::string_view a, std::string_view b);
// For showing: with **** for the password. Nothing of a text that is no URL is shown.
std::string mask_credentials(std::string_view redis_url);

// "http://host:port" or https; without a port Consul's own, 8500 and 8501.
std::optional<std::string> parse_consul_url(std::string_view text);
// [A-Za-z0-9-]{1,63}, so that it is a name in DNS as well.
bool is_consul_service(std::string_view text);
// Visible ASCII, as it goes into a header.
bool is_consul_token(std::string_view text);
// Without the comma, which separates tags.
bool is_consul_tag(std::string_view text);
// host[:port] or [IPv6][:port], of an address that is one machine's.
std::optional<std::string> parse_advertise(std::string_view text);

// What every name in Redis may begin with: [A-Za-z0-9._:{}-]{1,64}.
bool is_key_prefix(std::string_view text);

// `text` in double quotes, cut at 80 bytes, what is not printable ASCII escaped: safe to print to a terminal.
std::string quote(std::string_view text);

// As it is when that is one visible ASCII word, else quoted.
std::string plain_or_quoted(std::string_view text);

// The candidate that `name` most likely was meant to be, if one is near.
std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace gw
