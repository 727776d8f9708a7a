// What the control loop asks of a shard.
#include "base/log.h"
#include "gateway/shard.h"
#include "protocol/server_message.h"
#include "ws/frame.h"

namespace gw {
namespace {

// Clients are told to come back after this; another instance is ready then.
constexpr auto kRetryAfter = std::chrono::milliseconds(1000);

}  // namespace

void Shard::on_command(command::Admitted& command) {
  Client* found = clients_.find(command.handle.slot, command.handle.generation);
  if (!found || found->phase != Client::Phase::admitting) return;
  Client& client = *found;
  Connection& connection = *client.connection;
  authorize(client, std::move(command.session));
  if (connection.session) forget_stranger(client);

  std::string wire = std::move(client.handshake->response);
  std::string welcome;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(options_.connection.heartbeat_interval);
  protocol::append_welcome(welcome, {connection.id.text(), options_.instance_id, seconds.count()}, wall_);
  ws::append_frame(wire, ws::Opcode::text, welcome);

  on_connected(client);
  update_channels(client);
  send(client, make_frame(std::move(wire)));
  schedule(client, connection.next_tick());
  watch(client);
  const auto scope = log_scope(kept_context(connection));
  log::debug("connection_opened", {{"connection_id", connection.id.text()},
                                   {"session_ref", connection.session ? connection.session->ref : "-"}});
  if (!client.held.empty()) {
    std::string held = std::move(client.held);
    client.held.clear();
    process(client, held);
  }
}

void Shard::on_command(command::Close& command) {
  Client* found = clients_.find(command.handle.slot, command.handle.generation);
  if (!found) return;
  Client& client = *found;
  if (client.phase == Client::Phase::admitting) {
    // A browser can read a close code, not an HTTP status: upgrade, then close.
    std::string response = std::move(client.handshake->response);
    on_connected(client);
    send(client, make_frame(std::move(response)));
    client.held.clear();
  }
  if (client.phase == Client::Phase::connected) close(client, command.why);
}

void Shard::on_command(command::ReplaceSession& command) {
  Client* client = find(command.handle);
  if (!client || !client->connection->is_open()) return;
  authorize(*client, std::move(command.session));
  if (update_channels(*client)) report_change(*client);
  schedule(*client, client->connection->next_tick());
}

void Shard::on_command(command::Send& command) {
  Client* client = find(command.handle);
  if (!client) return;
  if (command.is_error) ++stats_.errors_total;
  send(*client, command.frame);
}

void Shard::on_command(command::Deliver& command) {
  hub_.for_each(command.channel, [&](uint32_t slot) {
    Client& client = clients_.at(slot);
    // Whatever the hub says: nothing of a channel that is not granted leaves here.
    if (!client.connection->granted.contains(command.channel)) return;
    const Session* session = client.connection->session.get();
    const bool concerned = command.tenant_id.empty() || (session && session->tenant_id == command.tenant_id);
    if (concerned) send(client, command.frame);
  });
}

void Shard::on_command(command::Upgrade& command) { begin_handshake(std::move(command.connection)); }

void Shard::on_command(command::SetReady& command) { ready_ = command.ready; }

void Shard::on_command(command::Probe&) {
  send_to_control(event::ProbeEcho{index_, ready_ && listeners_.is_accepting()});
}

void Shard::on_command(command::Drain& command) {
  if (drain_) return;
  ready_ = false;
  std::string text;
  protocol::append_draining(text, kRetryAfter, wall_);
  const FramePtr frame = make_text_frame(text);
  std::vector<ConnectionHandle> clients;
  clients_.for_each([&](Client& client) {
    if (client.phase != Client::Phase::connected || !client.connection->is_open()) return;
    send(client, frame);
    clients.push_back(handle_of(client));
  });
  drain_.emplace(std::move(clients), command.window, now_);
}

void Shard::close_drained() {
  for (const ConnectionHandle& handle : drain_->take_due(now_)) {
    if (Client* client = find(handle)) close(*client, disconnect::restart);
  }
  if (connected_ == 0 && !drained_reported_) {
    drained_reported_ = true;
    // Whoever asks how many are left must not hear of before.
    send_to_control(event::Stats{index_, stats_});
    send_to_control(event::Drained{index_});
  }
}

void Shard::on_command(command::Stop&) { stopping_ = true; }

}  // namespace gw
