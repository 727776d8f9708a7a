#include "gateway/handshakes.h"

#include <algorithm>

#include "net/http/forwarded.h"
#include "net/proxy_header.h"

namespace gw {
namespace {

constexpr Duration kCrowdedTimeout = 500ms;  // of an address that has too many

handshake::Refusal bad_proxy(const std::string& why) {
  return {refuse_upgrade(400, why), false, false, {}, why};
}

// Whoever is not believed must not be taken for somebody else, and what its clients say must not be lost on
// the way: so whoever set this up hears of it.
handshake::Refusal refuse_proxy_header(Handshaking::FromProxy from) {
  using From = Handshaking::FromProxy;
  const char* const why =
      from == From::untrusted ? "a PROXY header from an address that is not in trusted-proxy"
      : from == From::taken
          ? "a second PROXY header"
          : "a PROXY header where none is expected; write ?proxy_protocol behind the address in listen";
  return bad_proxy(why);
}

handshake::Refusal not_tls() { return {.answer = refuse_upgrade(400, kSpeaksTls), .not_tls = true}; }

// It counts for as long as it is here, so it goes at once.
handshake::Refusal crowded() {
  return {refuse_upgrade(429, "this address has too many connections without a session"), false, true};
}

}  // namespace

std::optional<TimePoint> Handshakes::begin(const IpAddress& peer, Stranger& stranger, TimePoint now) {
  count(peer, stranger);
  // Above the bound a request that is complete at once is still read: it may ask for the health.
  if (strangers_.is_over(peer, 2)) return std::nullopt;
  return now + (strangers_.is_over(peer) ? std::min(kCrowdedTimeout, options_.timeout) : options_.timeout);
}

Handshaking::FromProxy Handshakes::expect_proxy_header(const IpAddress& peer, bool proxy_protocol) const {
  using From = Handshaking::FromProxy;
  if (!proxy_protocol) return From::none;
  return http::is_trusted_proxy(peer, options_.upgrade.trusted_proxies) ? From::awaited : From::untrusted;
}

// Empty: judge what stands behind it.
std::optional<handshake::Verdict> Handshakes::take_proxy_header(Handshaking& client, Stranger& stranger,
                                                                TimePoint now) {
  using namespace handshake;
  const ParsedProxyHeader parsed = parse_proxy_header(client.bytes);
  if (std::holds_alternative<ProxyHeaderIncomplete>(parsed)) return Incomplete{};
  if (const auto* malformed = std::get_if<ProxyHeaderMalformed>(&parsed))
    return bad_proxy(std::string("malformed PROXY header: ") + malformed->why);
  const auto& header = std::get<ProxyHeader>(parsed);
  client.bytes.erase(0, header.bytes);
  client.proxy_header = Handshaking::FromProxy::taken;
  if (!header.ends) return std::nullopt;
  // From here on it is the client's connection, not the proxy's.
  client.arrival.peer = header.ends->source;
  client.arrival.local = header.ends->destination;
  const auto deadline = begin(client.arrival.peer.ip, stranger, now);
  if (!deadline) return crowded();
  client.arrival.deadline = std::min(client.arrival.deadline, *deadline);
  return std::nullopt;
}

handshake::Verdict Handshakes::judge(Handshaking& client, Stranger& stranger, TimePoint now, bool ready) {
  using namespace handshake;
  if (client.proxy_header == Handshaking::FromProxy::awaited) {
    if (auto verdict = take_proxy_header(client, stranger, now)) return *std::move(verdict);
  }
  const std::string_view bytes = client.bytes;
  if (client.awaits_tls) {
    if (bytes.empty()) return Incomplete{};
    if (looks_like_tls(bytes)) return BeginTls{};
  }
  switch (proxy_header_sign(bytes)) {
    case ProxyHeaderSign::certain: return refuse_proxy_header(client.proxy_header);
    case ProxyHeaderSign::possible: return Incomplete{};
    case ProxyHeaderSign::none: break;
  }
  if (client.awaits_tls) return not_tls();
  // Known before the head is whole: what is not for us is not ours to wait for.
  const std::optional<bool> is_upgrade = http::is_request_for(bytes, kUpgradePath);
  if (!is_upgrade) return Incomplete{};
  if (!*is_upgrade && !(options_.upgrade.events && *http::is_request_for(bytes, kEventsPath))) {
    // Passed on a second time it could go round for ever.
    if (client.returned) return Refusal{refuse_upgrade(400, "the request line is malformed")};
    return NotForUs{};
  }
  const http::ParsedHead parsed = http::parse_head(bytes);
  if (std::holds_alternative<http::HeadIncomplete>(parsed)) return Incomplete{};
  if (const auto* error = std::get_if<http::HeadError>(&parsed))
    return Refusal{refuse_upgrade(error->status, error->detail)};

  const auto& head = std::get<http::RequestHead>(parsed);
  const std::string origin(http::find_field(head.fields, "Origin").value_or(""));
  const Ends ends{client.arrival.peer, client.arrival.local, client.is_secure};
  auto checked = *is_upgrade ? check_upgrade(head, ends, options_.upgrade, ready)
                             : check_event_request(head, ends, options_.upgrade, ready);
  if (auto* answer = std::get_if<http::Response>(&checked)) {
    const bool bad_origin = answer->status == 403;
    return Refusal{std::move(*answer), head.method == "HEAD", false, bad_origin ? origin : ""};
  }
  Upgrade& upgrade = std::get<Upgrade>(checked);
  // Behind a trusted proxy only the head says whose it is.
  count(upgrade.address, stranger);
  if (strangers_.is_over(upgrade.address)) return crowded();
  return InOrder{std::move(upgrade), origin, head.bytes};
}

void Handshakes::count(const IpAddress& address, Stranger& stranger) {
  forget(stranger);
  if (options_.strangers_per_address == 0) return;
  if (http::stands_for_many(address, options_.upgrade.trusted_proxies)) return;
  stranger = address;
  strangers_.add(address);
}

void Handshakes::forget(Stranger& stranger) {
  if (stranger) strangers_.remove(*stranger);
  stranger.reset();
}

}  // namespace gw
