#include "gateway/upgrade.h"

#include <fmt/format.h>

#include "base/ids.h"
#include "gateway/origin.h"
#include "net/http/forwarded.h"
#include "protocol/json.h"
#include "protocol/query.h"
#include "ws/deflate.h"
#include "ws/handshake.h"

namespace gw {
namespace {

constexpr std::string_view kSubprotocol = "gateway.v1";
constexpr std::string_view kBearerSubprotocol = "bearer.";

std::string_view reason_phrase(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 426: return "Upgrade Required";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
  }
}

std::string_view code_of(int status) {
  switch (status) {
    case 403: return "origin_not_allowed";
    case 405: return "method_not_allowed";
    case 408: return "timeout";
    case 426: return "upgrade_required";
    case 503: return "unavailable";
    default: return "bad_request";
  }
}

bool is_token(std::string_view text) { return !text.empty() && text != "null" && text != "undefined"; }

// First found wins: query, Authorization, subprotocol.
std::string find_token(const protocol::Query& query, const http::RequestHead& head,
                       const ws::Handshake& handshake) {
  for (const std::string_view name : {"session_token", "token"}) {
    if (const auto value = query.get(name); value && is_token(*value)) return std::string(*value);
  }
  if (const auto field = http::find_field(head.fields, "Authorization")) {
    const std::string_view value = trim_blanks(*field);
    constexpr std::string_view kScheme = "Bearer ";
    if (value.size() > kScheme.size() && equal_ignoring_case(value.substr(0, kScheme.size()), kScheme)) {
      const std::string_view token = trim_blanks(value.substr(kScheme.size()));
      if (is_token(token)) return std::string(token);
    }
  }
  for (const std::string_view offered : handshake.subprotocols) {
    if (!offered.starts_with(kBearerSubprotocol)) continue;
    const std::string_view token = offered.substr(kBearerSubprotocol.size());
    if (is_token(token)) return std::string(token);
  }
  return {};
}

}  // namespace

UpgradeRefusal refuse_upgrade(int status, std::string_view detail, std::string_view extra_head) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("success", false)
      .member("error", detail)
      .member("code", code_of(status))
      .end_object();
  return {status,
          fmt::format("HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}",
                      status, reason_phrase(status), body.size(),
                      extra_head.empty() ? std::string_view("Connection: close\r\n") : extra_head, body)};
}

std::variant<Upgrade, UpgradeRefusal> check_upgrade(const http::RequestHead& head, const SocketAddress& peer,
                                                    const UpgradeOptions& options, bool ready) {
  const auto handshake =
      ws::check_upgrade({head.method, static_cast<unsigned>(head.version), head.target, head.fields});
  if (!handshake) {
    const ws::HandshakeRefusal& refusal = handshake.error();
    std::string extra;
    for (const HttpField& field : refusal.fields) extra += fmt::format("{}: {}\r\n", field.name, field.value);
    return refuse_upgrade(static_cast<int>(refusal.status), refusal.reason, extra);
  }
  const size_t origins = http::count_fields(head.fields, "Origin");
  if (origins > 1) return refuse_upgrade(400, "Origin stands more than once");
  const http::Requester requester = http::requester_of(peer.ip, head.fields, options.trusted_proxies);
  if (origins == 1) {
    const std::string_view origin = trim_blanks(*http::find_field(head.fields, "Origin"));
    if (!is_origin_allowed(origin, requester.host, options.allowed_origins)) {
      return refuse_upgrade(403, "Origin is not allowed; add it with --allowed-origin");
    }
  }
  if (!ready) {
    return refuse_upgrade(503, "this instance takes no connections now",
                          "Connection: close\r\nRetry-After: 1\r\n");
  }

  const auto target = protocol::split_target(head.target);
  if (!target) return refuse_upgrade(400, target.error().detail);
  const auto query = protocol::Query::parse(target->query);
  if (!query) return refuse_upgrade(400, query.error().detail);

  Upgrade upgrade;
  upgrade.token = find_token(*query, head, *handshake);
  if (const auto client_id = query->get("client_id")) {
    if (!is_valid_name(*client_id))
      return refuse_upgrade(400, "client_id must match [A-Za-z0-9._@+=-]{1,128}");
    upgrade.client_id = *client_id;
  }
  if (const auto traceparent = http::find_field(head.fields, "traceparent"))
    upgrade.trace = protocol::parse_traceparent(trim_blanks(*traceparent));

  ws::HandshakeAnswer answer;
  answer.accept_key = handshake->accept_key;
  for (const std::string_view offered : handshake->subprotocols) {
    if (offered == kSubprotocol) answer.subprotocol = kSubprotocol;
  }
  std::optional<std::string> extension;
  if (options.compression) extension = ws::negotiate_deflate(handshake->extensions);
  if (extension) answer.extensions = *extension;
  upgrade.deflate = extension.has_value();
  ws::append_switching_protocols(upgrade.response, answer);
  return upgrade;
}

}  // namespace gw
