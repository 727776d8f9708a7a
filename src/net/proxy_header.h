// The PROXY protocol (haproxy.org, proxy-protocol.txt), versions 1 and 2: how a proxy that passes bytes on
// without reading them says, before all else, whose they are. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>

#include "base/ip.h"

namespace gw {

// The two ends of the connection that the proxy took.
struct ProxiedEnds {
  SocketAddress source;
  SocketAddress destination;
};

struct ProxyHeader {
  // Empty: those of its own connection count. It asks for itself (LOCAL, a check of our health), or does not
  // know, or its client came by something else than TCP.
  std::optional<ProxiedEnds> ends;
  size_t bytes = 0;  // what comes behind them is the client's
};
struct ProxyHeaderIncomplete {};
struct ProxyHeaderMalformed {
  const char* why;
};

// Extensions (TLVs) included. Nobody's is that long, and it has to fit into the smallest segment of TCP.
inline constexpr size_t kProxyHeaderBytesMax = 536;

using ParsedProxyHeader = std::variant<ProxyHeaderIncomplete, ProxyHeaderMalformed, ProxyHeader>;

// The header at the front of `bytes`. Extensions are passed over, but for a checksum: that has to be right.
ParsedProxyHeader parse_proxy_header(std::string_view bytes);

// Whether what comes, from somebody who should send none, is such a header all the same.
enum class ProxyHeaderSign { none, possible, certain };
ProxyHeaderSign proxy_header_sign(std::string_view bytes);

}  // namespace gw
