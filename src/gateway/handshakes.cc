#include "gateway/handshakes.h"

#include <algorithm>

namespace gw {
namespace {

constexpr Duration kCrowdedTimeout = 500ms;  // of an address that has too many

}  // namespace

std::optional<TimePoint> Handshakes::begin(const IpAddress& peer, Stranger& stranger, TimePoint now) {
  count(peer, stranger);
  // Above the bound a request that is complete at once is still read: it may ask for the health.
  if (strangers_.is_over(peer, 2)) return std::nullopt;
  return now + (strangers_.is_over(peer) ? std::min(kCrowdedTimeout, options_.timeout) : options_.timeout);
}

handshake::Verdict Handshakes::judge(const Handshaking& client, Stranger& stranger, bool ready) {
  using namespace handshake;
  const std::string_view bytes = client.bytes;
  // Known before the head is whole: what is not for us is not ours to wait for.
  const std::optional<bool> is_for_us = http::is_request_for(bytes, kUpgradePath);
  if (!is_for_us) return Incomplete{};
  if (!*is_for_us) {
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
  auto checked = check_upgrade(head, {client.arrival.peer, client.arrival.local}, options_.upgrade, ready);
  if (auto* answer = std::get_if<http::Response>(&checked)) {
    const bool bad_origin = answer->status == 403;
    return Refusal{std::move(*answer), head.method == "HEAD", false, bad_origin ? origin : ""};
  }
  Upgrade& upgrade = std::get<Upgrade>(checked);
  // Behind a trusted proxy only the head says whose it is.
  count(upgrade.address, stranger);
  if (strangers_.is_over(upgrade.address)) {
    // It counts for as long as it is here, so it goes at once.
    return Refusal{refuse_upgrade(429, "this address has too many connections without a session"), false,
                   true};
  }
  return InOrder{std::move(upgrade), origin, head.bytes};
}

// Loopback and trusted proxies stand for everybody behind them.
void Handshakes::count(const IpAddress& address, Stranger& stranger) {
  forget(stranger);
  const auto& trusted = options_.upgrade.trusted_proxies;
  const bool of_many = address.is_loopback() ||
                       std::any_of(trusted.begin(), trusted.end(),
                                   [&](const IpNetwork& network) { return network.contains(address); });
  if (options_.strangers_per_address == 0 || of_many) return;
  stranger = address;
  strangers_.add(address);
}

void Handshakes::forget(Stranger& stranger) {
  if (stranger) strangers_.remove(*stranger);
  stranger.reset();
}

}  // namespace gw
