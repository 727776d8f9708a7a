#include "gateway/upgrade.h"

#include "base/ids.h"
#include "json/json.h"
#include "net/http/cookie.h"
#include "net/http/forwarded.h"
#include "net/http/origin.h"
#include "net/http/query.h"
#include "ws/deflate.h"
#include "ws/handshake.h"

namespace gw {
namespace {

constexpr std::string_view kSubprotocol = "gateway.v1";
constexpr std::string_view kBearerSubprotocol = "bearer.";

bool is_token(std::string_view text) { return !text.empty() && text != "null" && text != "undefined"; }

// First found wins: query, Authorization, subprotocol. What a page says itself comes before its cookies,
// which it may not even know.
std::string find_token(const http::Query& query, const http::RequestHead& head,
                       std::span<const std::string_view> subprotocols) {
  for (const std::string_view name : {"session_token", "token"}) {
    if (const auto value = query.get(name); value && is_token(*value)) return std::string(*value);
  }
  if (const auto token = http::bearer_token(head.fields); is_token(token)) return std::string(token);
  for (const std::string_view offered : subprotocols) {
    if (!offered.starts_with(kBearerSubprotocol)) continue;
    // A subprotocol has no '=' or '@' (RFC 6455 11.3.4), a session id may: they come percent-encoded.
    const Result<std::string> token = http::percent_decode(offered.substr(kBearerSubprotocol.size()));
    if (token && is_token(*token)) return *token;
  }
  return {};
}

// 101, with what of the offers is taken.
void append_answer(Upgrade& upgrade, const ws::Handshake& handshake, bool compression) {
  ws::HandshakeAnswer answer;
  answer.accept_key = handshake.accept_key;
  for (const std::string_view offered : handshake.subprotocols) {
    if (offered == kSubprotocol) answer.subprotocol = kSubprotocol;
  }
  std::optional<std::string> extension;
  if (compression) extension = ws::negotiate_deflate(handshake.extensions);
  if (extension) answer.extensions = *extension;
  upgrade.deflate = extension.has_value();
  ws::append_switching_protocols(upgrade.response, answer);
}

// Of a page that is somebody else's, or may be: its browser shows who it is. Empty: nothing is against it.
std::optional<http::Response> refuse_page(const http::RequestHead& head, const http::Requester& requester,
                                          const Ends& ends, const UpgradeOptions& options) {
  const size_t origins = http::count_fields(head.fields, "Origin");
  if (origins > 1) return refuse_upgrade(400, "Origin stands more than once");
  // Where no session is needed, the Host alone shows that a page came under a name of its own.
  if (options.anonymous && http::is_wrong_host(requester.address, requester.host, ends.peer, ends.local))
    return refuse_upgrade(421, http::kWrongHostMessage);
  if (origins == 0) return std::nullopt;
  const std::string_view origin = trim_blanks(*http::find_field(head.fields, "Origin"));
  // What came over TLS came for a page of https://, and one of http:// on the same host is another's.
  const bool is_cut = ends.secure && !equal_ignoring_case(origin.substr(0, 8), "https://");
  if (http::is_origin_allowed(origin, is_cut ? "" : requester.host, options.allowed_origins))
    return std::nullopt;
  return refuse_upgrade(403, "Origin is not allowed; add it with --allowed-origin");
}

// Where nothing else shows a token. Empty: all of it is in order.
std::optional<http::Response> read_cookie(const http::RequestHead& head, const http::Requester& requester,
                                          const UpgradeOptions& options, Upgrade& upgrade) {
  if (!upgrade.token.empty()) return std::nullopt;
  const auto token = http::cookie_token(head.fields, options.cookie, requester.host, options.allowed_origins);
  if (!token)
    return refuse_upgrade(token.error().code == Errc::permission_denied ? 403 : 400, token.error().detail);
  if (is_token(*token)) upgrade.token = *token;
  return std::nullopt;
}

// What else the query says. Empty: all of it is in order.
std::optional<http::Response> read_options(const http::Query& query, Upgrade& upgrade) {
  if (const auto client_id = query.get("client_id")) {
    if (!is_valid_name(*client_id))
      return refuse_upgrade(400, "client_id must match [A-Za-z0-9._@+=-]{1,128}");
    upgrade.client_id = *client_id;
  }
  upgrade.ticket = query.get("ticket").value_or("");
  if (const auto runs = query.get("runs")) {
    if (*runs != "1") return refuse_upgrade(400, "runs must be 1");
    upgrade.follows_runs = true;
  }
  if (const auto spoken = query.get("protocol")) {
    if (*spoken != "ai-sdk") return refuse_upgrade(400, "protocol must be ai-sdk");
    upgrade.is_chat = true;
    upgrade.chat_channel = query.get("channel").value_or("");
    if (!upgrade.chat_channel.empty() && !is_valid_channel(upgrade.chat_channel))
      return refuse_upgrade(400, "channel must match [a-z0-9_.:-]{1,64}");
  }
  return std::nullopt;
}

// Everything that is asked of whoever wants to connect, and of his page. `upgrade`: what it comes to. Empty:
// all of it is in order.
std::optional<http::Response> read_request(const http::RequestHead& head, const Ends& ends,
                                           const UpgradeOptions& options, bool ready,
                                           std::span<const std::string_view> subprotocols, Upgrade& upgrade) {
  const auto expect = http::find_field(head.fields, "Expect");
  if (expect && !equal_ignoring_case(*expect, "100-continue"))
    return refuse_upgrade(417, "unknown expectation");
  const http::OriginForm origin_form = http::origin_form(head.target);
  http::Requester requester =
      http::requester_of(ends.peer.ip, head.fields, options.trusted_proxies, ends.secure);
  if (!origin_form.authority.empty()) requester.host = origin_form.authority;
  if (auto refusal = refuse_page(head, requester, ends, options)) return refusal;
  if (!ready) return refuse_upgrade(503, "this instance takes no connections now");

  const auto target = http::split_target(origin_form.target);
  if (!target) return refuse_upgrade(400, target.error().detail);
  const auto query = http::Query::parse(target->query);
  if (!query) return refuse_upgrade(400, query.error().detail);

  upgrade.address = requester.address;
  upgrade.token = find_token(*query, head, subprotocols);
  if (auto refusal = read_cookie(head, requester, options, upgrade)) return refusal;
  if (auto refusal = read_options(*query, upgrade)) return refusal;
  if (const auto traceparent = http::find_field(head.fields, "traceparent"))
    upgrade.trace = protocol::parse_traceparent(trim_blanks(*traceparent));
  if (expect) upgrade.response = "HTTP/1.1 100 Continue\r\n\r\n";  // RFC 9110 7.8
  return std::nullopt;
}

// Lets a page of a configured origin read what it is answered (the CORS protocol of the Fetch standard);
// whoever keeps the answer keeps it for that page alone.
std::string leave_for_page(const http::RequestHead& head, const UpgradeOptions& options) {
  std::string fields = "Vary: Origin\r\n";
  const auto origin = http::find_field(head.fields, "Origin");
  if (origin && http::is_origin_allowed(trim_blanks(*origin), {}, options.allowed_origins))
    fields.append("Access-Control-Allow-Origin: ")
        .append(trim_blanks(*origin))
        .append("\r\nAccess-Control-Allow-Credentials: true\r\n");  // such a page may use the cookie
  return fields;
}

// Asked beforehand by the browser of such a page; refuse_page() has had nothing against it.
http::Response answer_preflight(const http::RequestHead& head, const UpgradeOptions& options) {
  http::Response granted;
  granted.status = 204;
  granted.content_type = {};
  granted.extra_head = leave_for_page(head, options);
  granted.header("Access-Control-Allow-Methods", "GET, POST")
      .header("Access-Control-Allow-Headers",
              "Authorization, Accept, Cache-Control, Content-Type, traceparent, tracestate")
      .header("Access-Control-Max-Age", "600");
  return granted;
}

}  // namespace

http::Response refuse_upgrade(int status, std::string_view detail) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("success", false)
      .member("error", detail)
      .member("code", status == 403 ? "origin_not_allowed" : http::code_of(status))
      .end_object();
  http::Response response = http::Response::json(status, std::move(body));
  if (status == 429 || status == 503) response.header("Retry-After", "1");
  return response;
}

std::variant<Upgrade, http::Response> check_upgrade(const http::RequestHead& head, const Ends& ends,
                                                    const UpgradeOptions& options, bool ready) {
  const http::OriginForm origin_form = http::origin_form(head.target);
  if (const char* fault = http::target_fault(head, origin_form)) return refuse_upgrade(400, fault);
  const auto handshake =
      ws::check_upgrade({head.method, static_cast<unsigned>(head.version), origin_form.target, head.fields});
  if (!handshake) {
    const ws::HandshakeRefusal& refusal = handshake.error();
    http::Response response = refuse_upgrade(static_cast<int>(refusal.status), refusal.reason);
    for (const HttpField& field : refusal.fields) response.header(field.name, field.value);
    return response;
  }
  Upgrade upgrade;
  if (auto refusal = read_request(head, ends, options, ready, handshake->subprotocols, upgrade))
    return *std::move(refusal);
  append_answer(upgrade, *handshake, options.compression);
  return upgrade;
}

std::variant<Upgrade, http::Response> check_event_request(const http::RequestHead& head, const Ends& ends,
                                                          const UpgradeOptions& options, bool ready) {
  if (const char* fault = http::target_fault(head, http::origin_form(head.target)))
    return refuse_upgrade(400, fault);
  const bool is_preflight =
      head.method == "OPTIONS" && http::find_field(head.fields, "Access-Control-Request-Method");
  if (!is_preflight && head.method != "GET" && head.method != "POST")
    return refuse_upgrade(405, "An event stream is asked for with GET or POST").header("Allow", "GET, POST");
  const auto framing = http::body_framing(head);
  if (const auto* error = std::get_if<http::HeadError>(&framing))
    return refuse_upgrade(error->status, error->detail);
  const auto& body = std::get<http::BodyFraming>(framing);
  if (body.kind == http::BodyFraming::Kind::chunked || body.length > 0)
    return refuse_upgrade(413, "this request has no body; the token stands in Authorization");
  Upgrade upgrade;
  upgrade.transport = Transport::events;
  if (auto refusal = read_request(head, ends, options, ready, {}, upgrade)) return *std::move(refusal);
  if (is_preflight) return answer_preflight(head, options);
  if (upgrade.is_chat) return refuse_upgrade(400, "protocol: AI SDK's chats have addresses of their own");
  upgrade.response = leave_for_page(head, options);
  return upgrade;
}

}  // namespace gw
