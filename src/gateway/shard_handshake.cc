// From an accepted socket to a connection, or to somebody else.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "gateway/shard.h"
#include "net/http/response_writer.h"
#include "protocol/server_message.h"

namespace gw {
namespace {

constexpr Duration kCrowdedTimeout = 500ms;  // for a handshake of an address that has too many

}  // namespace

// Loopback and trusted proxies stand for everybody behind them.
void Shard::count_stranger(Client& client, const IpAddress& address) {
  forget_stranger(client);
  const auto& trusted = options_.upgrade.trusted_proxies;
  const bool of_many = address.is_loopback() ||
                       std::any_of(trusted.begin(), trusted.end(),
                                   [&](const IpNetwork& network) { return network.contains(address); });
  if (options_.strangers_per_address == 0 || of_many) return;
  client.counted_as = address;
  strangers_.add(address);
}

void Shard::forget_stranger(Client& client) {
  if (client.counted_as) strangers_.remove(*client.counted_as);
  client.counted_as.reset();
}

void Shard::begin_handshake(http::Handover arrived) {
  Client& client = clients_.allocate();
  client.fd = std::move(arrived.fd);
  move_to(client, Client::Phase::handshake);
  client.handshake = std::make_unique<HandshakeState>();
  client.handshake->peer = arrived.peer;
  client.handshake->local = arrived.local;
  client.handshake->bytes = std::move(arrived.bytes);
  client.handshake->returned = arrived.returned;
  count_stranger(client, arrived.peer.ip);
  // Above the bound a request that is complete at once is still read: it may ask for the health.
  if (strangers_.is_over(arrived.peer.ip, 2)) return destroy(client);
  const bool crowded = strangers_.is_over(arrived.peer.ip);
  client.handshake->deadline =
      now_ + (crowded ? std::min<Duration>(kCrowdedTimeout, options_.handshake_timeout)
                      : options_.handshake_timeout);
  client.watched = Poller::kReadable;
  if (!poller_.add(client.fd.get(), client.watched, key_of(client))) return destroy(client);
  schedule(client, client.handshake->deadline);
  if (!client.handshake->bytes.empty()) continue_handshake(client);
}

void Shard::read_handshake(Client& client) {
  const IoResult result = read_some(client.fd.get(), read_buffer_);
  switch (result.status) {
    case IoResult::Status::again: return;
    case IoResult::Status::end:
    case IoResult::Status::failed: return destroy(client);
    case IoResult::Status::ok: break;
  }
  client.handshake->bytes.append(read_buffer_.data(), result.bytes);
  continue_handshake(client);
}

void Shard::continue_handshake(Client& client) {
  HandshakeState& handshake = *client.handshake;
  const std::string_view bytes = handshake.bytes;
  const std::optional<bool> is_for_us = http::is_request_for(bytes, kUpgradePath);
  if (!is_for_us) return;
  if (!*is_for_us) {
    // Passed on a second time it could go round for ever.
    if (handshake.returned) return refuse(client, refuse_upgrade(400, "the request line is malformed"));
    return hand_to_control(client);
  }

  const http::ParsedHead parsed = http::parse_head(bytes);
  if (std::holds_alternative<http::HeadIncomplete>(parsed)) return;
  if (const auto* error = std::get_if<http::HeadError>(&parsed)) {
    return refuse(client, refuse_upgrade(error->status, error->detail));
  }
  const auto& head = std::get<http::RequestHead>(parsed);
  auto checked = check_upgrade(head, {handshake.peer, handshake.local}, options_.upgrade, ready_);
  const std::string_view origin = http::find_field(head.fields, "Origin").value_or("");
  if (const auto* refusal = std::get_if<http::Response>(&checked)) {
    if (refusal->status == 403) send_to_control(event::OriginRefused{std::string(origin)});
    return refuse(client, *refusal, head.method == "HEAD");
  }
  Upgrade& upgrade = std::get<Upgrade>(checked);
  count_stranger(client, upgrade.address);
  if (strangers_.is_over(upgrade.address)) {
    refuse(client, refuse_upgrade(429, "this address has too many connections without a session"));
    return destroy(client);  // it counts as long as it is here
  }
  request_admission(client, std::move(upgrade), origin, head.bytes);
}

void Shard::hand_to_control(Client& client) {
  HandshakeState& handshake = *client.handshake;
  poller_.remove(client.fd.get());
  const size_t bytes = handshake.bytes.size();
  send_to_control(
      event::Http{{std::move(client.fd), std::move(handshake.bytes), handshake.peer, handshake.local}},
      bytes);
  destroy(client);
}

void Shard::refuse(Client& client, const http::Response& refusal, bool head_only) {
  log::debug("handshake_refused", {{"status", refusal.status}, {"peer", client.handshake->peer.ip.text()}});
  ++stats_.handshakes_refused_total;
  stats_changed_ = true;
  std::string bytes;
  // 426 has a Connection of its own.
  http::append_response(bytes, refusal, {.close = refusal.status != 426, .head_only = head_only}, wall_);
  // A few hundred bytes into an empty socket buffer: written at once or never.
  write_some(client.fd.get(), bytes);
  end_output(client.fd.get());
  move_to(client, Client::Phase::refused);
  client.connection.reset();
  client.handshake->deadline = now_ + options_.connection.close_timeout;
  watch(client);
  schedule(client, client.handshake->deadline);
}

void Shard::request_admission(Client& client, Upgrade upgrade, std::string_view origin, size_t head_bytes) {
  HandshakeState& handshake = *client.handshake;
  std::string page(origin);  // it points into the bytes
  client.held = handshake.bytes.substr(head_bytes);
  std::string().swap(handshake.bytes);
  handshake.response = std::move(upgrade.response);
  client.connection.emplace(options_.connection, ConnectionId::make(), upgrade.deflate, now_);
  client.connection->client_id = std::move(upgrade.client_id);
  if (const auto guide = channels_.find("guide")) {
    client.connection->wanted.add(*guide);
    client.connection->latest_channel = *guide;
  }
  if (options_.tracing.enabled || upgrade.trace) begin_connection_trace(*client.connection, upgrade.trace);
  move_to(client, Client::Phase::admitting);
  watch(client);
  send_to_control(event::Admit{handle_of(client), client.connection->id, std::move(upgrade.token),
                               client.connection->wanted, client.connection->client_id,
                               kept_context(*client.connection), std::move(page)});
}

}  // namespace gw
