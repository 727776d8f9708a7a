// Which names a request may come under. A page whose name an attacker has pointed at this machine (DNS
// rebinding) shows in Host and in Origin.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http/message.h"
#include "net/http/server.h"

namespace gw::http_api {

// Empty: the request may go on. 421 where it came to loopback under a name that is not loopback's.
std::optional<http::Response> refuse_wrong_host(const http::Request& request);

// Empty: the request may go on. 403 for an Origin that is neither the request's own host and port nor among
// the allowed (as for /ws). Browsers send none where a page only reads from its own site.
std::optional<http::Response> refuse_foreign_origin(const http::Request& request,
                                                    std::span<const std::string> allowed_origins);

// What a page of another origin may do at an address.
struct PageLeave {
  std::string_view methods;
  std::string_view headers;  // of requests
  std::string_view exposed;  // of answers
};
inline constexpr PageLeave kMcpLeave{
    "POST",
    "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, "
    "Last-Event-ID, traceparent, tracestate",
    "WWW-Authenticate, Retry-After"};
inline constexpr PageLeave kRunStreamLeave{
    "GET, HEAD, PUT, POST, DELETE",
    "Authorization, Accept, Cache-Control, Content-Type, If-None-Match, Last-Event-ID, Stream-Seq, "
    "Stream-Closed, Stream-TTL, Stream-Expires-At, Producer-Id, Producer-Epoch, Producer-Seq, traceparent, "
    "tracestate",
    "ETag, Location, Stream-Next-Offset, Stream-Up-To-Date, Stream-Closed, Stream-Cursor, Stream-TTL, "
    "Stream-Expires-At, Stream-SSE-Data-Encoding, Producer-Epoch, Producer-Seq, Producer-Expected-Seq, "
    "Producer-Received-Seq, Run-Status, Run-Hash, WWW-Authenticate, Retry-After"};

// What clients without a WebSocket say.
inline constexpr PageLeave kPostLeave{"POST", "Authorization, Content-Type, traceparent, tracestate",
                                      "Retry-After"};
// AI SDK's chats, and AG-UI. Pages give their requests headers of their own (a tenant's, a trace's); only
// these.
inline constexpr PageLeave kChatLeave{
    "GET, HEAD, POST",
    "Authorization, Accept, Cache-Control, Content-Type, Last-Event-ID, User-Agent, traceparent, tracestate",
    "Location, Run-Status, x-workflow-run-id, x-workflow-stream-tail-index, x-vercel-ai-ui-message-stream, "
    "WWW-Authenticate, Retry-After"};

// Lets a page of an allowed origin read what it is answered (the CORS protocol of the Fetch standard). True:
// it asked for leave beforehand, and that has been answered. Pages of other origins are told nothing.
bool allow_page(const http::Request& request, http::Responder& responder,
                std::span<const std::string> allowed_origins, const PageLeave& leave);

}  // namespace gw::http_api
