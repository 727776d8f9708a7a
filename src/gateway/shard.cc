#include "gateway/shard.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/overload.h"
#include "core/grant.h"
#include "protocol/server_message.h"
#include "ws/frame.h"

namespace gw {
namespace {

constexpr size_t kReadBufferBytes = 64 * 1024;
constexpr Duration kStatsEvery = 200ms;
constexpr uint64_t kInboxKey = uint64_t{1} << 62;  // neither a client's nor a listener's
constexpr Duration kSleepMax = 50s;                // within the timer wheel's reach

// What one client can make the kernel hold that has not even been sent. More would only be in front of
// whatever comes later, a close frame for one: outboxes are where bytes wait.
constexpr int kUnsentBytesMax = 64 * 1024;

// Accepted sockets inherit it.
void limit_unsent(int listener) {
  ::setsockopt(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytesMax, sizeof(kUnsentBytesMax));
}

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
    case handshake: return phase == free;
    case admitting: return phase == handshake;
    case refused: return phase == handshake || phase == admitting;
    case connected: return phase == admitting;
  }
  return false;
}

}  // namespace

Shard::Shard(uint32_t index, const ShardOptions& options, const ChannelTable& channels,
             std::vector<UniqueFd> listeners, Mailbox<ShardEvent>& control)
    : index_(index),
      options_(options),
      channels_(channels),
      envelopes_(options.instance_id, options.reply_to),
      listeners_(poller_,
                 {.accepted =
                      [this](Accepted&& peer, const SocketAddress& local) {
                        begin_handshake({std::move(peer.fd), {}, peer.peer, local});
                      },
                  .failed = [this](const Error& error, bool again) { on_accept_failed(error, again); },
                  .recovered =
                      [this](uint64_t failures) {
                        log::warn("accept_works_again", {{"shard", index_}, {"failures", failures}});
                      }}),
      wheel_(steady_now()),
      read_buffer_(kReadBufferBytes),
      now_(steady_now()),
      wall_(wall_now()),
      clock_watch_(now_, wall_),
      strangers_(options.strangers_per_address),
      stats_reported_at_(now_),
      inbox_(options.inbox),
      control_(control) {
  const bool inbox_added = poller_.add(inbox_.fd(), EPOLLIN, kInboxKey);
  ASSERT(inbox_added);
  for (UniqueFd& listener : listeners) {
    limit_unsent(listener.get());
    listeners_.add(std::move(listener), now_);
  }
}

Shard::~Shard() {
  if (thread_.joinable()) thread_.join();
}

void Shard::start() {
  thread_ = std::thread([this] { run(); });
}

void Shard::run() {
  pthread_setname_np(pthread_self(), ("shard-" + std::to_string(index_)).c_str());
  if (!sender_.use_io_uring())
    log::info("io_uring_unavailable", {{"shard", index_}, {"instead", "one send() per client"}});
  while (!stopping_) turn();
  // What is left goes with a clean end rather than a reset where the peer still listens.
  clients_.for_each([this](Client& client) {
    if (client.phase == Client::Phase::connected) close(client, disconnect::going_away);
  });
  flush();
}

void Shard::turn() {
  std::span<const epoll_event> events;
  if (control_.is_full()) {
    // The control loop is behind: stop reading, so that TCP slows the clients down. Its mailbox is looked at
    // again after a millisecond; what it asks for is still done.
    pollfd inbox{inbox_.fd(), POLLIN, 0};
    ::poll(&inbox, 1, 1);
  } else {
    events = poller_.wait(std::max(Duration(0), wheel_.next_tick() - steady_now()));
  }
  now_ = steady_now();
  wall_ = wall_now();
  if (clock_watch_.has_stepped(now_, wall_)) on_clock_step();
  for (const epoll_event& event : events) on_ready_fd(event);
  take_commands();
  wheel_.advance(now_, [this](const TimerEntry& entry) { on_timer(entry); });
  listeners_.tick(now_);
  if (drain_) close_drained();
  flush();
  report_stats();
  post_to_control();
}

void Shard::on_ready_fd(const epoll_event& event) {
  const uint64_t key = event.data.u64;
  if (key == kInboxKey) return;  // every turn looks into it
  if (ListenerSet::is_key(key)) return listeners_.on_ready(key, now_);
  Client* found = &clients_.at(static_cast<uint32_t>(key));
  // A client dropped earlier in this turn.
  if (found->phase == Client::Phase::free || key_of(*found) != key) return;
  Client& client = *found;
  switch (client.phase) {
    case Client::Phase::free: return;
    case Client::Phase::handshake: return read_handshake(client);
    case Client::Phase::admitting:
      if (event.events & (EPOLLHUP | EPOLLERR)) destroy(client);
      return;
    case Client::Phase::refused:
      if (!discard_input(client.fd.get(), read_buffer_)) destroy(client);
      return;
    case Client::Phase::connected: break;
  }
  if (event.events & EPOLLERR) return destroy(client);
  if (event.events & EPOLLOUT) {
    client.blocked = false;
    mark_dirty(client);
  }
  if (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) {
    if (client.watched & EPOLLIN) return read(client);
    // Nobody reads it now, and its peer is gone.
    if (event.events & EPOLLHUP) destroy(client);
  }
}

void Shard::on_accept_failed(const Error& error, bool again) {
  if (!again) log::warn("accept_failed", {{"shard", index_}, {"error", error.detail}});
  ++stats_.accept_failures_total;
  stats_changed_ = true;
}

void Shard::take_commands() {
  inbox_.take(commands_);
  for (ShardCommand& command : commands_) {
    std::visit([this](auto& c) { on_command(c); }, command);
  }
  commands_.clear();
  if (commands_.capacity() > 4096) std::vector<ShardCommand>().swap(commands_);
}

void Shard::flush() {
  // A write can close or drop its client, never dirty another.
  for (const uint32_t slot : dirty_) {
    Client& client = clients_.at(slot);
    client.dirty = false;
    if (client.phase != Client::Phase::connected) continue;
    if (!client.connection->is_open()) deregister(client);
    if (client.blocked || client.connection->outbox().empty()) {
      after_write(client);
      continue;
    }
    sender_.add(client.fd.get(), client.connection->outbox().gather(sender_.parts()));
    sending_.push_back(slot);
    if (sender_.is_full()) send_batch();
  }
  send_batch();
  dirty_.clear();
}

void Shard::send_batch() {
  const std::span<const IoResult> results = sender_.send();
  for (size_t i = 0; i < results.size(); ++i) on_written(clients_.at(sending_[i]), results[i]);
  sending_.clear();
}

void Shard::on_written(Client& client, const IoResult& result) {
  switch (result.status) {
    case IoResult::Status::ok:
      stats_.bytes_sent_total += result.bytes;
      client.connection->outbox().consume(result.bytes);
      // More than one write's share, or than the socket takes: go on when it says that it is writable.
      client.blocked = !client.connection->outbox().empty();
      return after_write(client);
    case IoResult::Status::again: client.blocked = true; return after_write(client);
    case IoResult::Status::end:
    case IoResult::Status::failed: return destroy(client);
  }
}

void Shard::after_write(Client& client) {
  const Connection& connection = *client.connection;
  if (connection.outbox().empty()) {
    if (connection.is_finished()) return destroy(client);
    if (connection.half_closes() && !client.half_closed) {
      client.half_closed = true;
      end_output(client.fd.get());
    }
  }
  watch(client);
}

void Shard::watch(Client& client) {
  uint32_t wanted = 0;
  if (client.phase == Client::Phase::handshake) wanted = Poller::kReadable;
  if (client.phase == Client::Phase::connected) {
    if (!client.paused && !client.connection->is_finished()) wanted |= Poller::kReadable;
    if (client.blocked) wanted |= Poller::kWritable;
  }
  if (client.phase == Client::Phase::refused) wanted = Poller::kReadable;
  if (wanted == client.watched) return;
  client.watched = wanted;
  poller_.change(client.fd.get(), wanted, key_of(client));
}

Client* Shard::find(const ConnectionHandle& handle) {
  Client* client = clients_.find(handle.slot, handle.generation);
  return client && client->phase == Client::Phase::connected ? client : nullptr;
}

void Shard::send(Client& client, const FramePtr& frame) {
  if (client.connection->send(frame, now_)) {
    ++stats_.messages_sent_total;
    stats_changed_ = true;
  } else if (!client.connection->is_open()) {
    schedule(client, client.connection->next_tick());
  }
  mark_dirty(client);
}

void Shard::close(Client& client, const Disconnect& why) {
  client.connection->close(why, now_);
  if (client.paused) {
    // The peer's answer stands behind what was held back.
    client.paused = false;
    std::string held = std::move(client.held);
    client.held.clear();
    process(client, held);
  }
  schedule(client, client.connection->next_tick());
  mark_dirty(client);
}

void Shard::mark_dirty(Client& client) {
  if (client.dirty) return;
  client.dirty = true;
  dirty_.push_back(client.slot);
}

void Shard::schedule(Client& client, TimePoint when) {
  when = std::min(when, now_ + kSleepMax);
  if (when >= client.wake_at) return;
  client.wake_at = when;
  wheel_.schedule(when, {client.slot, client.generation});
}

void Shard::on_timer(const TimerEntry& entry) {
  Client* found = clients_.find(entry.slot, entry.generation);
  // Of several entries for one client only the earliest counts.
  if (!found || now_ + TimerWheel<TimerEntry>::kTick < found->wake_at) return;
  Client& client = *found;
  client.wake_at = TimePoint::max();
  if (client.phase != Client::Phase::connected) {
    if (now_ < client.handshake->deadline) return schedule(client, client.handshake->deadline);
    if (client.phase == Client::Phase::refused) return destroy(client);
    log::debug("handshake_timed_out", {{"peer", client.handshake->peer.ip.text()}});
    return refuse(client, refuse_upgrade(408, "the request was not complete in time"));
  }
  Connection& connection = *client.connection;
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
    ws::append_frame(wire, ws::Opcode::text, ping);
    send(client, make_frame(std::move(wire)));
  }
  if (due.heartbeat || due.pong_overdue) report_change(client);
  if (!connection.is_open()) mark_dirty(client);
  TimePoint next = connection.next_tick();
  if (client.paused) {
    if (now_ >= connection.resume_at()) {
      client.paused = false;
      std::string held = std::move(client.held);
      client.held.clear();
      process(client, held);
    }
    if (client.paused) next = std::min(next, connection.resume_at());
  }
  schedule(client, next);
}

// A session, or none, and what follows from it.
void Shard::authorize(Client& client, SessionPtr session) {
  Connection& connection = *client.connection;
  connection.session = std::move(session);
  connection.granted = granted_channels(connection.session.get(), options_.anonymous_channels);
  if (connection.session) connection.expires_at(connection.session->expires_at, now_, wall_);
}

// The one place that says what a client gets. True: that has changed.
bool Shard::update_channels(Client& client) {
  Connection& connection = *client.connection;
  const ChannelSet before =
      std::exchange(connection.channels, received_channels(connection.wanted, connection.granted));
  before.without(connection.channels).for_each([&](ChannelIndex c) { hub_.remove(c, client.slot); });
  connection.channels.without(before).for_each([&](ChannelIndex c) { hub_.add(c, client.slot); });
  return connection.channels != before;
}

// Sessions end by the wall clock: some later than was thought, some are over already.
void Shard::on_clock_step() {
  log::warn("clock_stepped", {{"shard", index_}});
  clients_.for_each([this](Client& client) {
    if (client.phase != Client::Phase::connected) return;
    client.connection->clock_stepped(now_, wall_);
    schedule(client, client.connection->next_tick());
  });
}

void Shard::report_change(Client& client) {
  const Connection& connection = *client.connection;
  const auto wall_of = [this](TimePoint when) {
    return wall_ - std::chrono::duration_cast<std::chrono::milliseconds>(now_ - when);
  };
  ConnectionChange change{connection.latest_channel, connection.channels, wall_of(connection.last_received()),
                          wall_of(connection.last_heartbeat())};
  if (const auto since = connection.pong_owed_since()) change.pong_owed_since = wall_of(*since);
  send_to_control(event::Changed{connection.id, change});
}

// Every step of a client's life. Whoever leaves the phases in which the control loop knows it is taken out
// there.
void Shard::move_to(Client& client, Client::Phase next) {
  ASSERT(may_follow(client.phase, next));
  const bool known = client.phase == Client::Phase::admitting || client.phase == Client::Phase::connected;
  if (known && next != Client::Phase::connected) deregister(client);
  if (client.phase == Client::Phase::connected) --connected_;
  if (next == Client::Phase::connected) ++connected_;
  client.phase = next;
}

// Nobody may send to a connection that has begun to close, or count it.
void Shard::deregister(Client& client) {
  if (std::exchange(client.left, true)) return;
  Connection& connection = *client.connection;
  const uint16_t code = connection.close_code() != 0 ? connection.close_code() : ws::close_code::abnormal;
  connection.wanted = ChannelSet();
  update_channels(client);
  send_to_control(event::Closed{handle_of(client), connection.id, code});
  end_connection_trace(connection, code);
  if (client.phase != Client::Phase::connected) return;
  --stats_.connections_active;
  ++stats_.closes_by_code[code];
  stats_changed_ = true;
  const auto scope = log_scope(kept_context(connection));
  log::debug("connection_closed", {{"connection_id", connection.id.text()}, {"code", code}});
}

void Shard::destroy(Client& client) {
  forget_stranger(client);
  move_to(client, Client::Phase::free);
  clients_.release(client);
}

// From here on it is a connection: admitted, or upgraded only to be told why not.
void Shard::on_connected(Client& client) {
  move_to(client, Client::Phase::connected);
  client.handshake.reset();
  client.wake_at = TimePoint::max();
  ++stats_.connections_active;
  ++stats_.connections_total;
  stats_changed_ = true;
}

void Shard::report_stats() {
  if (!stats_changed_ || now_ - stats_reported_at_ < kStatsEvery) return;
  stats_changed_ = false;
  stats_reported_at_ = now_;
  send_to_control(event::Stats{index_, stats_});
}

void Shard::send_to_control(ShardEvent item, size_t bytes) {
  outgoing_.push_back(std::move(item));
  outgoing_bytes_ += bytes;
}

void Shard::post_to_control() {
  control_.post(outgoing_, outgoing_bytes_);
  outgoing_bytes_ = 0;
}

}  // namespace gw
