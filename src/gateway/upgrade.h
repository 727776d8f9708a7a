// The opening handshake of /ws: what a request head asks for, and what it is answered. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "net/http/head.h"
#include "protocol/traceparent.h"

namespace gw {

struct UpgradeOptions {
  std::vector<std::string> allowed_origins;
  std::vector<IpNetwork> trusted_proxies;
  bool compression = false;
};

// In order. The answer goes out together with the welcome or the refusal of the session.
struct Upgrade {
  std::string response;                         // 101
  std::string token;                            // of the session; empty: none shown. Never logged.
  std::string client_id;                        // empty: none
  std::optional<protocol::TraceContext> trace;  // its traceparent, when that is valid
  bool deflate = false;
};

// The whole response; the connection closes after it.
struct UpgradeRefusal {
  int status;
  std::string response;
};

inline constexpr std::string_view kUpgradePath = "/ws";

// `ready`: this instance takes connections now.
std::variant<Upgrade, UpgradeRefusal> check_upgrade(const http::RequestHead& head, const SocketAddress& peer,
                                                    const UpgradeOptions& options, bool ready);
UpgradeRefusal refuse_upgrade(int status, std::string_view detail, std::string_view extra_head = {});

}  // namespace gw
