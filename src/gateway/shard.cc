#include "gateway/shard.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "gateway/client_io.h"
#include "gateway/shard_runs.h"

namespace gw {
namespace {

constexpr size_t kReadBufferBytes = 64 * 1024;
constexpr Duration kStatsEvery = 200ms;
// Each may cost a signature, of up to a millisecond: whoever is here already has the rest of the turn.
constexpr int kTlsStepsMax = 16;
constexpr uint64_t kInboxKey = uint64_t{1} << 62;  // neither a client's nor a listener's

}  // namespace

Shard::Shard(uint32_t index, const ShardOptions& options, const ChannelTable& channels,
             std::vector<Listener> listeners, Mailbox<ShardEvent>& control, Poller* poller)
    : index_(index),
      channels_(channels),
      envelopes_(options.instance_id, options.reply_to),
      options_(options),
      now_(steady_now()),
      wall_(wall_now()),
      clock_watch_(now_, wall_),
      poller_(poller ? *poller : own_poller_.emplace()),
      listeners_(poller_,
                 {.accepted =
                      [this](Accepted&& peer, const SocketAddress& local, const Listener& by) {
                        begin_handshake(
                            {std::move(peer.fd), {}, peer.peer, local, false, by.proxy_protocol, by.tls});
                      },
                  .failed =
                      [this](const Error& error, bool again) {
                        if (!again) log::warn("accept_failed", {{"shard", index_}, {"error", error.detail}});
                        ++stats_.accept_failures_total;
                        stats_changed_ = true;
                      },
                  .recovered =
                      [this](uint64_t failures) {
                        log::warn("accept_works_again", {{"shard", index_}, {"failures", failures}});
                      }}),
      handshakes_(options.handshake),
      runs_(std::make_unique<Runs>(*this)),
      tracer_(options.tracing),
      wheel_(now_),
      read_buffer_(kReadBufferBytes),
      stats_reported_at_(now_),
      control_(control),
      inbox_(options.inbox) {
  const bool inbox_added = poller_.add(inbox_.fd(), Poller::kWake, kInboxKey);
  ASSERT(inbox_added);
  for (Listener& listener : listeners) {
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
  while (!stopping_) {
    std::span<const epoll_event> events;
    if (control_.is_full()) {
      // The control loop is behind: stop reading, so that TCP slows the clients down. Its mailbox is looked
      // at again after a millisecond; what it asks for is still done.
      clear_wake(inbox_.fd());
      pollfd inbox{inbox_.fd(), POLLIN, 0};
      ::poll(&inbox, 1, 1);
    } else {
      events = poller_.wait(std::max(Duration(0), next_due() - steady_now()));
    }
    begin_turn(events);
    end_turn();
  }
  say_goodbye();
}

TimePoint Shard::next_due() const { return std::min(wheel_.next_tick(), runs_->next_due()); }

void Shard::begin_turn(std::span<const epoll_event> events) {
  // By the thread that will use it.
  if (!std::exchange(begun_, true) && !sender_.use_io_uring())
    log::info("io_uring_unavailable", {{"shard", index_}, {"instead", "one send() per client"}});
  now_ = steady_now();
  wall_ = wall_now();
  if (tracer_.makes_spans()) tracer_.set_time(now_, unix_nanoseconds());
  if (clock_watch_.has_stepped(now_, wall_)) on_clock_step();
  tls_steps_left_ = kTlsStepsMax;
  for (const epoll_event& event : events) on_ready_fd(event);
  control_.post();
}

void Shard::end_turn() {
  take_commands();
  wheel_.advance(now_, [this](const TimerEntry& entry) { on_timer(entry); });
  if (runs_->next_due() <= now_) runs_->wake_due();
  listeners_.tick(now_);
  if (drain_) send_on(drain_->take_due(now_));
  flush();
  if (stats_changed_ && now_ - stats_reported_at_ >= kStatsEvery) {
    stats_changed_ = false;
    stats_reported_at_ = now_;
    control_.add(event::Stats{index_, stats_});
  }
  control_.post();
}

void Shard::say_goodbye() {
  // With a clean end rather than a reset, where the peer still listens.
  clients_.for_each([this](Client& client) {
    if (client.is_connected()) close(client, disconnect::going_away);
  });
  flush();
  clients_.for_each([](Client& client) {
    if (client.is_connected() && !has_output(client)) end_tls(client);
  });
}

void Shard::on_ready_fd(const epoll_event& event) {
  const uint64_t key = event.data.u64;
  if (key == kInboxKey) return;  // every turn looks into it
  if (ListenerSet::is_key(key)) return listeners_.on_ready(key, now_);
  Client& client = clients_.at(static_cast<uint32_t>(key));
  // Its slot may have gone to another client earlier in this turn.
  if (client.is_free() || key_of(client) != key) return;
  switch (client.phase()) {
    case Client::Phase::free: return;
    case Client::Phase::handshaking:
      if ((event.events & EPOLLOUT) && client.tls) client.tls->send_unsent(client.fd.get());
      return read_handshake(client);
    case Client::Phase::admitting:
      // Nobody reads it now, so an end that is not a reset shows only when it is admitted.
      if (event.events & (EPOLLHUP | EPOLLERR)) return destroy(client);
      return watch(client);
    case Client::Phase::refused:
      if (!discard_input(client.fd.get(), read_buffer_)) destroy(client);
      return;
    case Client::Phase::connected: break;
  }
  if (event.events & EPOLLERR) return destroy(client);
  if (event.events & EPOLLOUT) {
    client.connected().blocked = false;
    clients_.mark_dirty(client);
  }
  if (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) {
    if (client.watched & EPOLLIN) return read(client);
    // Nobody reads it now, and its peer is gone.
    if (event.events & EPOLLHUP) destroy(client);
  }
}

void Shard::flush() {
  // A write can close or destroy its client, never mark another.
  clients_.for_each_dirty([this](Client& client) {
    if (!client.is_connected()) return;
    Connected& connected = client.connected();
    if (!connected.connection.is_open()) deregister(client);
    if (connected.blocked || !has_output(client)) return after_write(client);
    const size_t parts = gather_output(client, sender_.parts());
    if (parts == 0) return destroy(client);
    sender_.add(client.fd.get(), parts);
    sending_.push_back(client.slot);
    if (sender_.is_full()) send_batch();
  });
  send_batch();
}

void Shard::send_batch() {
  const std::span<const IoResult> results = sender_.send();
  for (size_t i = 0; i < results.size(); ++i) on_written(clients_.at(sending_[i]), results[i]);
  sending_.clear();
}

void Shard::on_written(Client& client, const IoResult& result) {
  Connected& connected = client.connected();
  switch (result.status) {
    case IoResult::Status::ok:
      stats_.bytes_sent_total += result.bytes;
      take_sent(client, result.bytes);
      // More than one write's share, or than the socket takes: go on when it says that it is writable.
      connected.blocked = has_output(client);
      return after_write(client);
    case IoResult::Status::again: connected.blocked = true; return after_write(client);
    case IoResult::Status::end:
    case IoResult::Status::failed: return destroy(client);
  }
}

void Shard::after_write(Client& client) {
  Connected& connected = client.connected();
  if (!has_output(client)) {
    const bool is_last =
        connected.connection.is_finished() || (connected.connection.half_closes() && !connected.half_closed);
    if (is_last && !end_tls(client)) {
      connected.blocked = true;
      return watch(client);
    }
    if (connected.connection.is_finished()) return destroy(client);
    if (connected.reads_runs) runs_->go_on(client);
    if (connected.chat && std::exchange(connected.chat->owes_news, false))
      control_.add(event::ChatSent{handle_of(client), connected.chat->sent_bytes});
    // It still reads: the peer's answer to our close frame may be on its way.
    if (connected.connection.half_closes() && !std::exchange(connected.half_closed, true))
      end_output(client.fd.get());
  }
  watch(client);
}

}  // namespace gw
