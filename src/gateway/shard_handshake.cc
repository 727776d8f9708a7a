// From an accepted socket to a connection, or to somebody else.
#include <utility>

#include "base/log.h"
#include "base/overload.h"
#include "gateway/client_io.h"
#include "gateway/shard.h"
#include "net/http/response_writer.h"

namespace gw {
namespace {

// What stands before the events.
std::string event_stream_head(std::string fields, WallTime now) {
  http::Response response;
  response.content_type = "text/event-stream";
  response.extra_head = std::move(fields);
  response.header("X-Accel-Buffering", "no");  // nginx would wait for more
  std::string head;
  http::append_response(head, response, {.close = true, .body = http::ResponseForm::Body::until_close}, now);
  return head;
}

}  // namespace

void Shard::begin_handshake(http::Handover arrived) {
  Client& client = clients_.allocate();
  client.fd = std::move(arrived.fd);
  client.tls = std::move(arrived.tls);
  const auto deadline = handshakes_.begin(arrived.peer.ip, client.stranger, now_);
  move_to(client, Handshaking{{arrived.peer, arrived.local, deadline.value_or(now_)},
                              std::move(arrived.bytes),
                              arrived.returned,
                              handshakes_.expect_proxy_header(arrived.peer.ip, arrived.proxy_protocol),
                              arrived.awaits_tls,
                              client.tls != nullptr});
  if (!deadline) return destroy(client);
  client.watched = Poller::kReadable;
  if (!poller_.add(client.fd.get(), client.watched, key_of(client))) return destroy(client);
  schedule(client, *deadline);
  if (!client.handshaking().bytes.empty()) continue_handshake(client);
}

void Shard::read_handshake(Client& client) {
  const bool was_securing = is_securing(client);
  // What waits in its socket is still there in the next turn.
  if ((was_securing || client.handshaking().awaits_tls) && tls_steps_left_-- <= 0) return;
  const IoResult result = receive(client, read_buffer_);
  if (was_securing) stats_changed_ = true;
  if (was_securing && !advance_tls(client, result, stats_.tls)) return destroy(client);
  switch (result.status) {
    case IoResult::Status::again: return watch(client);
    case IoResult::Status::end:
    case IoResult::Status::failed: return destroy(client);
    case IoResult::Status::ok: break;
  }
  client.handshaking().bytes.append(read_buffer_.data(), result.bytes);
  continue_handshake(client);
}

void Shard::continue_handshake(Client& client) {
  std::visit(Overload{
                 // A PROXY header may have left it less time.
                 [&](handshake::Incomplete) { schedule(client, client.deadline()); },
                 [&](handshake::BeginTls) {
                   begin_tls(client, options_.tls);
                   schedule(client, client.deadline());
                   ++tls_steps_left_;  // the one that it has been given is not used up
                   read_handshake(client);
                 },
                 [&](handshake::NotForUs) {
                   // Ours alone until here: from now on another epoll set watches it.
                   poller_.remove(client.fd.get());
                   Handshaking& handshake = client.handshaking();
                   const size_t size = handshake.bytes.size();
                   control_.add(
                       event::Http{{std::move(client.fd), std::move(handshake.bytes), handshake.arrival.peer,
                                    handshake.arrival.local, false, false, false, std::move(client.tls)}},
                       size);
                   destroy(client);
                 },
                 [&](const handshake::Refusal& refused) {
                   if (!refused.bad_origin.empty()) control_.add(event::OriginRefused{refused.bad_origin});
                   refuse(client, refused);
                 },
                 [&](handshake::InOrder&& accepted) { request_admission(client, std::move(accepted)); },
             },
             handshakes_.judge(client.handshaking(), client.stranger, now_, ready_));
}

// Where TLS has not come yet, only who would not understand it hears of it in clear.
void Shard::refuse(Client& client, const handshake::Refusal& refused) {
  const int status = refused.answer.status;
  const bool awaits_tls = client.phase() == Client::Phase::handshaking && client.handshaking().awaits_tls;
  if (is_securing(client) || (awaits_tls && status == 408)) {
    count_tls_failure(client, TlsFailure::timeout, stats_.tls);
    stats_changed_ = true;
    return destroy(client);
  }
  if (refused.not_tls) stats_.tls.count(TlsFailure::not_tls);
  log::debug("handshake_refused", {{"status", status}, {"peer", client.arrival().peer.ip.text()}});
  if (!refused.bad_proxy.empty())
    log::warn("proxy_header_refused",
              {{"peer", client.arrival().peer.ip.text()}, {"reason", refused.bad_proxy}});
  if (status >= 400) ++stats_.handshakes_refused_total;
  stats_changed_ = true;
  std::string bytes;
  // 426 has a Connection of its own.
  http::append_response(bytes, refused.answer, {.close = status != 426, .head_only = refused.head_only},
                        wall_);
  say_last(client, bytes);
  if (refused.at_once) return destroy(client);
  end_output(client.fd.get());
  const TimePoint deadline = now_ + options_.connection.close_timeout;
  move_to(client, Refused{deadline});
  watch(client);
  schedule(client, deadline);
}

void Shard::request_admission(Client& client, handshake::InOrder accepted) {
  Handshaking& handshake = client.handshaking();
  Upgrade& upgrade = accepted.upgrade;
  Connection connection(options_.connection, ConnectionId::make(), upgrade.deflate, now_, upgrade.is_chat,
                        upgrade.transport);
  connection.client_id = std::move(upgrade.client_id);
  if (const auto guide = channels_.find("guide"); guide && !upgrade.is_chat) {
    connection.wanted.add(*guide);
    connection.latest_channel = *guide;
  }
  if (connection.gets_events()) upgrade.response = event_stream_head(std::move(upgrade.response), wall_);
  tracer_.begin_connection(connection, upgrade.trace);
  event::Admit request{handle_of(client),
                       connection.id,
                       std::move(upgrade.token),
                       std::move(upgrade.ticket),
                       connection.wanted,
                       connection.client_id,
                       Tracer::kept_context(connection),
                       std::move(accepted.origin),
                       upgrade.is_chat,
                       connection.gets_events()};
  auto waiting = std::make_unique<Admitting::Waiting>(
      Admitting::Waiting{handshake.arrival, std::move(upgrade.response),
                         handshake.bytes.substr(accepted.head_bytes), upgrade.follows_runs});
  if (upgrade.is_chat) {
    waiting->chat = std::make_unique<ChatConnection>();
    waiting->chat->channel = std::move(upgrade.chat_channel);
  }
  // Few say something before they are answered: whoever does is no longer watched then.
  move_to(client, Admitting{std::move(connection), std::move(waiting)});
  control_.add(std::move(request));
}

}  // namespace gw
