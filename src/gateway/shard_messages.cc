// From a client's bytes to what they ask for.
#include <algorithm>
#include <variant>

#include "base/hex.h"
#include "gateway/shard.h"
#include "protocol/client_message.h"
#include "protocol/server_message.h"
#include "ws/frame.h"

namespace gw {
namespace {

std::string_view raw_id(const std::optional<protocol::MessageId>& id) {
  return id ? id->raw : std::string_view();
}

}  // namespace

void Shard::read(Client& client) {
  const IoResult result = read_some(client.fd.get(), read_buffer_);
  switch (result.status) {
    case IoResult::Status::again: return;
    // Without a close frame there is nobody to say goodbye to (1006).
    case IoResult::Status::end:
    case IoResult::Status::failed: return destroy(client);
    case IoResult::Status::ok: break;
  }
  stats_.bytes_received_total += result.bytes;
  process(client, std::span(read_buffer_).first(result.bytes));
}

void Shard::process(Client& client, std::span<char> input) {
  Connection& connection = *client.connection;
  const bool owed_pong = connection.pong_owed_since().has_value();
  while (true) {
    const Connection::Input next = connection.next(input, scratch_, now_);
    if (next.kind == Connection::Input::Kind::more) break;
    if (next.kind == Connection::Input::Kind::paused) {
      // Bounded by one read: nothing more is read until this is used up.
      client.held.assign(input.data(), input.size());
      client.paused = true;
      ++stats_.rate_pauses_total;
      schedule(client, connection.resume_at());
      break;
    }
    ++stats_.messages_received_total;
    stats_changed_ = true;
    if (connection.is_expired(wall_)) {
      close(client, disconnect::session_ended);
    } else if (next.kind == Connection::Input::Kind::limited) {
      on_limited(client, next.text);
    } else {
      on_message(client, next.text);
    }
  }
  if (owed_pong && !connection.pong_owed_since()) report_change(client);
  if (!connection.is_open()) mark_dirty(client);
  if (!connection.outbox().empty()) mark_dirty(client);
  schedule(client, connection.next_tick());
  watch(client);
}

void Shard::on_message(Client& client, std::string_view text) {
  const protocol::DecodeResult decoded = protocol::decode(text, decode_scratch_);
  const Route route = route_message(decoded, client.connection->granted, channels_);
  std::visit([&](const auto& r) { execute(client, r, text); }, route);
}

void Shard::on_limited(Client& client, std::string_view text) {
  const protocol::DecodeResult decoded = protocol::decode(text, decode_scratch_);
  std::string_view id;
  if (!decoded) {
    id = raw_id(decoded.error().id);
  } else if (const auto* message = std::get_if<protocol::ToChannel>(&*decoded)) {
    id = raw_id(message->id);
  }
  reply_error(client, protocol::ErrorCode::rate_limited, "Message rejected: rate limit exceeded", id);
}

void Shard::execute(Client& client, const route::ToAgents& to, std::string_view text) {
  Connection& connection = *client.connection;
  want(client, to.channel);
  event::Message message{};
  message.handle = handle_of(client);
  message.channel = to.channel;
  message.session = connection.session;
  message.received_at = now_;
  message_ids_.append(message.message_id, wall_.time_since_epoch().count());

  const Session* session = connection.session.get();
  protocol::Inbound inbound;
  inbound.message_id = message.message_id;
  const std::string connection_id = connection.id.text();
  inbound.connection_id = connection_id;
  inbound.channel = channels_.name(to.channel);
  inbound.message = text;
  inbound.timestamp = wall_;
  if (session) {
    inbound.session_ref = session->ref;
    inbound.user_id = session->user_id;
    inbound.tenant_id = session->tenant_id;
  }
  inbound.trace = options_.tracing.enabled ? trace_message(connection, to, text, message)
                                           : passed_trace(connection, to.trace);
  envelopes_.append(message.envelope, inbound);

  if (to.id) {
    message.id = to.id->raw;
    // A client that names itself keeps its ids across connections; else their scope is the connection.
    const bool named = session && !connection.client_id.empty();
    message.dedupe_everywhere = named;
    std::string& key = message.dedupe_key.emplace(named ? session->ref : connection_id);
    key.push_back('\n');
    if (named) key += connection.client_id;
    key.push_back('\n');
    key += to.id->key;
  }
  const size_t bytes = message.envelope.size();
  send_to_control(std::move(message), bytes);
}

void Shard::execute(Client& client, const route::Subscribe& to, std::string_view) {
  want(client, to.channel);
  reply(client,
        [&](std::string& out) { protocol::append_subscribed(out, channels_.name(to.channel), wall_); });
}

void Shard::execute(Client& client, const route::Unsubscribe& to, std::string_view) {
  client.connection->wanted.remove(to.channel);
  if (update_channels(client)) report_change(client);
  reply(client,
        [&](std::string& out) { protocol::append_unsubscribed(out, channels_.name(to.channel), wall_); });
}

void Shard::execute(Client& client, const route::Authenticate& to, std::string_view) {
  send_to_control(event::Authenticate{handle_of(client), client.connection->id, client.connection->session,
                                      std::string(to.session_token), std::string(raw_id(to.id))});
}

void Shard::execute(Client& client, const route::Pong&, std::string_view) {
  reply(client, [&](std::string& out) { protocol::append_pong(out, wall_); });
}

void Shard::execute(Client& client, const route::HeartbeatPong&, std::string_view) {
  reply(client, [&](std::string& out) { protocol::append_heartbeat_pong(out, wall_); });
}

void Shard::execute(Client&, const route::Nothing&, std::string_view) {}

void Shard::execute(Client& client, const route::Reject& to, std::string_view text) {
  if (options_.tracing.enabled) trace_rejected(*client.connection, to, text);
  reply_error(client, to.code, to.message, raw_id(to.id));
}

void Shard::want(Client& client, ChannelIndex channel) {
  Connection& connection = *client.connection;
  if (connection.latest_channel == channel && connection.channels.contains(channel)) return;
  connection.latest_channel = channel;
  connection.wanted.add(channel);
  update_channels(client);
  report_change(client);
}

void Shard::reply_error(Client& client, protocol::ErrorCode code, std::string_view message,
                        std::string_view id) {
  ++stats_.errors_total;
  reply(client, [&](std::string& out) { protocol::append_error(out, code, message, id, wall_); });
}

template <class Write>
void Shard::reply(Client& client, Write&& write_message) {
  std::string text;
  write_message(text);
  send(client, make_text_frame(text));
}

}  // namespace gw
