// The opening handshake of /ws, and of event streams for clients that cannot have a WebSocket: what a request
// head asks for, and what it is answered. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "core/connection.h"
#include "net/http/head.h"
#include "net/http/message.h"
#include "protocol/traceparent.h"

namespace gw {

struct UpgradeOptions {
  std::vector<std::string> allowed_origins;
  std::vector<IpNetwork> trusted_proxies;
  bool compression = false;
  bool events = true;      // kEventsPath is served
  bool anonymous = false;  // a client without a session comes in
  std::string cookie;      // that may hold the token; empty: none
};

// In order. The answer goes out together with the welcome or the refusal of the session.
struct Upgrade {
  Transport transport = Transport::websocket;
  std::string response;                         // 101; of events, fields for their 200
  std::string token;                            // of the session; empty: none shown. Never logged.
  std::string ticket;                           // core/ticket.h; empty: none
  std::string client_id;                        // empty: none
  std::optional<protocol::TraceContext> trace;  // its traceparent, when that is valid
  bool deflate = false;
  bool is_chat = false;       // it speaks AI SDK's frames
  std::string chat_channel;   // and for which channel; empty: it names none
  bool follows_runs = false;  // what is pushed to it, without having asked for any
  IpAddress address;          // of the client, after trusted proxies have been believed
};

inline constexpr std::string_view kUpgradePath = "/ws";
inline constexpr std::string_view kEventsPath = "/connection/sse";

// The two ends of the connection.
struct Ends {
  SocketAddress peer;
  SocketAddress local;
  bool secure = false;  // over TLS of our own
};

// Or the answer after which the connection closes. `ready`: this instance takes connections now.
std::variant<Upgrade, http::Response> check_upgrade(const http::RequestHead& head, const Ends& ends,
                                                    const UpgradeOptions& options, bool ready);
// The same for events: GET, or POST without a body, which is how a browser shows an Origin to its own site.
std::variant<Upgrade, http::Response> check_event_request(const http::RequestHead& head, const Ends& ends,
                                                          const UpgradeOptions& options, bool ready);
http::Response refuse_upgrade(int status, std::string_view detail);

}  // namespace gw
