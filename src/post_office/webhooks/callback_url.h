// Where a webhook's envelopes are posted. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gw {

struct CallbackUrl {
  bool tls = false;
  std::string host;  // lower case; an IPv6 address without its brackets
  uint16_t port = 0;
  std::string target;      // path and query
  std::string host_field;  // as it goes into Host: without the scheme's own port

  // http:// or https://, a host name or an IP address, nothing of a user or a fragment, at most kBytesMax of
  // visible ASCII. An IPv4 address has four decimal parts: other forms (0x7f.1, 2130706433) mean to hide one.
  static constexpr size_t kBytesMax = 2048;
  static Result<CallbackUrl> parse(std::string_view text);
};

// A host as it stands in such an address; empty: it is none.
std::string parse_host(std::string_view text);

}  // namespace gw
