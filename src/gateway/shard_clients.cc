// The life of a client: its phases, its timers, and what others are told of it.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/log.h"
#include "core/grant.h"
#include "gateway/shard_runs.h"
#include "protocol/server_message.h"
#include "ws/frame.h"

namespace gw {
namespace {

constexpr Duration kSleepMax = 50s;  // within the timer wheel's reach

// Of a socket that is about to be closed: the kernel goes on with what is left, our close frame at its end,
// as long as the peer takes some of it now and then.
void limit_patience(int fd, Duration patience) {
  const auto ms =
      static_cast<unsigned>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

bool may_follow(Client::Phase phase, Client::Phase next) {
  using enum Client::Phase;
  switch (next) {
    case free: return phase != free;
    case handshaking: return phase == free;
    case admitting: return phase == handshaking;
    case refused: return phase == handshaking || phase == admitting;
    case connected: return phase == admitting;
  }
  return false;
}

}  // namespace

// --- Phases

// Every step of a client's life. Whoever leaves the phases in which the control loop knows it is taken out
// there.
void Shard::move_to(Client& client, Client::State next) {
  using enum Client::Phase;
  const Client::Phase before = client.phase();
  const auto after = static_cast<Client::Phase>(next.index());
  ASSERT(may_follow(before, after));
  if (before == connected || (before == admitting && after != connected)) deregister(client);
  const auto arrives = [](Client::Phase phase) { return phase == handshaking || phase == admitting; };
  if (arrives(before)) --arriving_;
  if (arrives(after)) ++arriving_;
  if (before == connected) --connected_;
  if (after == connected) ++connected_;
  client.replace_state(std::move(next));
}

// From here on it is a connection: admitted, or upgraded only to be told why not.
void Shard::on_connected(Client& client) {
  Connected next{std::move(client.admitting().connection)};
  move_to(client, std::move(next));
  ++stats_.connections_active;
  ++stats_.connections_total;
  stats_changed_ = true;
}

// Nobody may send to a connection that has begun to close, or count it.
void Shard::deregister(Client& client) {
  Connection* connection = nullptr;
  if (client.is_connected()) {
    if (std::exchange(client.connected().deregistered, true)) return;
    connection = &client.connection();
    if (client.connected().reads_runs) runs_->forget(client);
    connection->wanted = ChannelSet();
    update_channels(client);
    watchers_.remove_all(options_.presence_channels, client.slot);
  } else {
    connection = &client.admitting().connection;
  }
  const uint16_t code = connection->close_code() != 0 ? connection->close_code() : ws::close_code::abnormal;
  control_.add(event::Closed{handle_of(client), connection->id, code});
  if (auto span = tracer_.end_connection(*connection, code)) control_.add(event::SpanEnded{std::move(*span)});
  if (!client.is_connected()) return;
  --stats_.connections_active;
  ++stats_.closes_by_code[code];
  stats_changed_ = true;
  const auto scope = log_scope(Tracer::kept_context(*connection));
  log::debug("connection_closed", {{"connection_id", connection->id.text()}, {"code", code}});
}

void Shard::destroy(Client& client) {
  handshakes_.forget(client.stranger);
  move_to(client, std::monostate());
  clients_.release(client);
}

// --- What it gets, and what is said of it

// Of a client that is connected; anybody else hears nothing.
Client* Shard::find(const ConnectionHandle& handle) {
  Client* client = clients_.find(handle.slot, handle.generation);
  return client && client->is_connected() ? client : nullptr;
}

void Shard::send(Client& client, const FramePtr& frame, size_t messages) {
  Connection& connection = client.connection();
  if (connection.send(frame, now_)) {
    stats_.messages_sent_total += messages;
    stats_changed_ = true;
  } else if (!connection.is_open()) {
    schedule(client, connection.next_tick(now_, wall_));
  }
  clients_.mark_dirty(client);
}

void Shard::close(Client& client, const Disconnect& why) {
  Connected& connected = client.connected();
  connected.connection.close(why, now_);
  // The peer's answer stands behind what was held back.
  if (connected.paused) process_held(client);
  schedule(client, connected.connection.next_tick(now_, wall_));
  clients_.mark_dirty(client);
}

void Shard::watch(Client& client) {
  uint32_t wanted = 0;
  switch (client.phase()) {
    case Client::Phase::handshaking:
      wanted = Poller::kReadable;
      if (client.tls && client.tls->has_unsent()) wanted |= Poller::kWritable;
      break;
    case Client::Phase::refused: wanted = Poller::kReadable; break;
    case Client::Phase::connected: {
      const Connected& connected = client.connected();
      if (!connected.paused && !connected.connection.is_finished()) wanted |= Poller::kReadable;
      if (connected.blocked) wanted |= Poller::kWritable;
      break;
    }
    // Not read until the control loop has decided: TCP holds what comes.
    case Client::Phase::admitting:
    case Client::Phase::free: break;
  }
  if (wanted == client.watched) return;
  client.watched = static_cast<uint16_t>(wanted);
  poller_.change(client.fd.get(), wanted, key_of(client));
}

// A session, or none, and what follows from it.
void Shard::authorize(Connection& connection, SessionPtr session) {
  connection.session = std::move(session);
  connection.granted = granted_channels(connection.session.get(), options_.anonymous_channels);
  if (connection.session) connection.expires_at(connection.session->expires_at);
}

// The one place that says what a client gets. True: that has changed.
bool Shard::update_channels(Client& client) {
  Connection& connection = client.connection();
  const ChannelSet before =
      std::exchange(connection.channels, received_channels(connection.wanted, connection.granted));
  before.without(connection.channels).for_each([&](ChannelIndex c) { hub_.remove(c, client.slot); });
  connection.channels.without(before).for_each([&](ChannelIndex c) { hub_.add(c, client.slot); });
  return connection.channels != before;
}

void Shard::report_change(const Connection& connection) {
  const auto wall_of = [this](TimePoint when) {
    return wall_ - std::chrono::duration_cast<std::chrono::milliseconds>(now_ - when);
  };
  ConnectionChange change{connection.latest_channel, connection.channels, wall_of(connection.last_received()),
                          wall_of(connection.last_heartbeat())};
  if (const auto since = connection.pong_owed_since()) change.pong_owed_since = wall_of(*since);
  control_.add(event::Changed{connection.id, change});
}

// --- Timers

void Shard::schedule(Client& client, TimePoint when) {
  when = std::min(when, now_ + kSleepMax);
  if (when >= client.wake_at) return;
  client.wake_at = when;
  wheel_.schedule(when, {client.slot, client.generation});
}

void Shard::on_timer(const TimerEntry& entry) {
  Client* client = clients_.find(entry.slot, entry.generation);
  // Of several entries for one client only the earliest counts.
  if (!client || now_ + TimerWheel<TimerEntry>::kTick < client->wake_at) return;
  client->wake_at = TimePoint::max();
  if (client->is_connected()) return tick(*client);
  const TimePoint deadline = client->deadline();
  if (now_ < deadline) return schedule(*client, deadline);
  if (client->phase() == Client::Phase::refused) return destroy(*client);
  log::debug("handshake_timed_out", {{"peer", client->arrival().peer.ip.text()}});
  refuse(*client, {refuse_upgrade(408, "the request was not complete in time")});
}

void Shard::tick(Client& client) {
  Connected& connected = client.connected();
  Connection& connection = connected.connection;
  const Connection::Due due = connection.tick(now_, wall_);
  if (due.abandon) {
    limit_patience(client.fd.get(), options_.connection.close_timeout);
    return destroy(client);
  }
  if (due.heartbeat) {
    std::string wire;
    std::string ping;
    protocol::append_ping(ping, wall_);
    ws::append_frame(wire, ws::Opcode::ping, {});
    if (!connected.chat) ws::append_frame(wire, ws::Opcode::text, ping);
    send(client, make_frame(std::move(wire)));
  }
  if (due.heartbeat || due.pong_overdue) report_change(connection);
  if (!connection.is_open()) clients_.mark_dirty(client);
  TimePoint next = connection.next_tick(now_, wall_);
  if (connected.paused && now_ >= connection.resume_at()) process_held(client);
  // It may be over its rate again.
  if (connected.paused) next = std::min(next, connection.resume_at());
  schedule(client, next);
}

// Sessions end by the wall clock: some later than was thought, some are over already.
void Shard::on_clock_step() {
  log::warn("clock_stepped", {{"shard", index_}});
  clients_.for_each([this](Client& client) {
    if (client.is_connected()) schedule(client, client.connection().next_tick(now_, wall_));
  });
}

}  // namespace gw
