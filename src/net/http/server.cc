#include "net/http/server.h"

#include "base/assert.h"
#include "base/log.h"
#include "net/http/server_impl.h"

namespace gw::http {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr Duration kSweepPeriod = 250ms;
constexpr Duration kLingerTimeout = 2s;

// A pointer has no top bits: those keys are the listeners'.
uint64_t key_of(ServerConnection& c) { return reinterpret_cast<uint64_t>(&c); }

}  // namespace

ServerImpl::ServerImpl(EventLoop& loop, ServerOptions options, Server::Handler handler)
    : loop_(loop),
      options_(std::move(options)),
      handler_(std::move(handler)),
      ops_listeners_(
          poller_,
          {.accepted =
               [this](Accepted&& peer, const SocketAddress& local, const Listener& by) {
                 adopt(Handover{std::move(peer.fd), {}, peer.peer, local, false, false, by.tls}, true);
               },
           .failed =
               [](const Error& error, bool again) {
                 if (!again) log::warn("ops_accept_failed", {{"reason", error.detail}});
               },
           .recovered = [](uint64_t) {}}),
      scratch_(kReadBytes) {
  ready_watch_ = loop_.watch(poller_.fd(), [this] { on_ready(); });
  flush_hook_ = loop_.on_turn_end([this] { flush_all(); });
  sweep_timer_ = loop_.every(kSweepPeriod, [this] { sweep(); });
}

ServerImpl::~ServerImpl() {
  while (!connections_.empty()) close(*connections_.back());
}

void ServerImpl::adopt(Handover handover, bool ops) {
  const bool bounded = !ops && is_bounded(handover.peer.ip);
  const IpAddress machine = machine_of(handover.peer.ip);
  const auto known = addresses_.find(machine);
  const bool crowded =
      bounded && known != addresses_.end() && known->second.strangers >= options_.address_connections_max;
  bool reserved = false;
  if (crowded || !make_room(ops)) {
    reserved = reserved_ < kReserve && is_always_answered(handover.bytes);
    if (!reserved && crowded) return refuse(handover, 429, "this address has too many connections");
    if (!reserved) return refuse(handover, 503, "too many connections");
  }
  auto connection = std::make_unique<ServerConnection>(*this);
  ServerConnection& c = *connection;
  c.index = connections_.size();
  c.fd = std::move(handover.fd);
  c.tls = std::move(handover.tls);
  c.awaits_tls = handover.awaits_tls;
  c.peer = handover.peer;
  c.local = handover.local;
  c.ops = ops;
  c.interest = EPOLLIN;
  if (!poller_.add(c.fd.get(), c.interest, key_of(c))) return;
  enroll(c, bounded, reserved);
  connections_.push_back(std::move(connection));
  ++stats.connections_total;
  stats.connections = connections_.size();
  receive(c, handover.bytes);
}

Result<SocketAddress> ServerImpl::listen_ops(const SocketAddress& address, bool with_ipv4, bool tls) {
  Result<UniqueFd> fd = listen_on(address, {.reuse_port = false, .with_ipv4 = with_ipv4});
  if (!fd) return fd.error();
  const Result<SocketAddress> bound = local_address(fd->get());
  listen_ops(std::move(*fd), tls);
  return bound;
}

void ServerImpl::listen_ops(UniqueFd listener, bool tls) {
  ops_listeners_.add(Listener{std::move(listener), false, tls}, loop_.now());
}

void ServerImpl::on_ready() {
  for (const epoll_event& event : poller_.wait(Duration(0))) {
    const uint64_t key = event.data.u64;
    if (ListenerSet::is_key(key)) {
      ops_listeners_.on_ready(key, loop_.now());
    } else {
      on_event(*reinterpret_cast<ServerConnection*>(key), event.events);
    }
  }
}

void ServerImpl::on_event(ServerConnection& c, uint32_t events) {
  if (c.phase == ServerConnection::Phase::closed) return;
  if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) return close(c);
  if ((events & EPOLLOUT) != 0) {
    if (c.output == ServerConnection::Output::full) c.output = ServerConnection::Output::retrying;
    touch(c);
  }
  if ((events & EPOLLIN) != 0) read(c);
}

// What the connection waits for now, and until when.
void ServerImpl::settle(ServerConnection& c) {
  using Phase = ServerConnection::Phase;
  if (c.phase == Phase::closed) return;
  place(c);
  if (c.phase == Phase::lingering) return;
  // What waits behind answers waits for us, not we for it.
  const Phase next = c.need != 0 || c.chunked                    ? Phase::body
                     : !c.slots.empty() || c.may_hold_requests() ? Phase::answering
                     : !c.in.empty() || c.is_securing()          ? Phase::head
                                                                 : Phase::idle;
  if (next == c.phase && !c.begun_anew) return;
  c.move_to(next);
  c.begun_anew = false;
  c.deadline = loop_.now() + (next == Phase::body   ? options_.body_timeout
                              : next == Phase::head ? options_.head_timeout
                                                    : options_.idle_timeout);
}

void ServerImpl::update_interest(ServerConnection& c) {
  if (c.phase == ServerConnection::Phase::closed) return;
  uint32_t wanted = 0;
  const bool streaming = !c.slots.empty() && c.slots.back().state == Slot::State::streaming;
  // Without an interest in it, what is not to be taken yet stays in the kernel, and TCP slows the peer down.
  if (c.phase == ServerConnection::Phase::lingering || (!c.peer_ended && may_take_request(c)))
    wanted |= EPOLLIN;
  // A client that ends its side of a stream has left; nothing it still sends is read.
  if (streaming) wanted |= EPOLLRDHUP;
  if (c.unsent() != 0) wanted |= EPOLLOUT;
  if (wanted == c.interest) return;
  c.interest = wanted;
  poller_.change(c.fd.get(), wanted, key_of(c));
}

void ServerImpl::sweep() {
  const TimePoint now = loop_.now();
  ops_listeners_.tick(now);
  // Backwards: closing one puts the last in its place.
  for (size_t i = connections_.size(); i-- > 0;) {
    ServerConnection& c = *connections_[i];
    if (c.is_stalled() && now >= c.write_deadline) {
      close(c);
      // Who waits for our answer has no deadline: a poll may take minutes.
    } else if (c.phase != ServerConnection::Phase::answering && now >= c.deadline) {
      expire(c);
    }
  }
}

void ServerImpl::expire(ServerConnection& c) {
  if (c.is_securing()) {
    stats.tls.count(TlsFailure::timeout);
    return close(c);
  }
  switch (c.phase) {
    case ServerConnection::Phase::head: return fail(c, 408, "the header did not arrive in time");
    case ServerConnection::Phase::body: return fail(c, 408, "the body did not arrive in time");
    default: return close(c);
  }
}

void ServerImpl::linger(ServerConnection& c) {
  if (c.peer_ended) return close(c);
  c.end_tls();
  end_output(c.fd.get());
  std::string().swap(c.in);
  c.move_to(ServerConnection::Phase::lingering);
  c.deadline = loop_.now() + kLingerTimeout;
}

void ServerImpl::close(ServerConnection& c) {
  if (c.phase == ServerConnection::Phase::closed) return;
  c.move_to(ServerConnection::Phase::closed);
  std::vector<Slot> slots = std::move(c.slots);
  // A stream that did not come to its end must not look as if it had, not even to HTTP/1.0.
  const bool cut = c.output == ServerConnection::Output::doomed ||
                   std::any_of(slots.begin(), slots.end(),
                               [](const Slot& slot) { return slot.state == Slot::State::streaming; });
  if (cut) {
    reset_when_closed(c.fd.get());
  } else {
    c.end_tls();
  }
  c.tls.reset();
  c.fd.reset();
  for (Slot& slot : slots) {
    if (slot.exchange) slot.exchange->connection = nullptr;
    if (slot.state == Slot::State::streaming) forget_stream(c);
  }
  discharge(c);
  std::swap(connections_[c.index], connections_.back());
  connections_[c.index]->index = c.index;
  // Not freed yet: the caller, events and lists of this turn may still name it.
  graveyard_.push_back(std::move(connections_.back()));
  connections_.pop_back();
  stats.connections = connections_.size();
  // Last: whoever hears of it may close others, or write to them.
  for (Slot& slot : slots) {
    if (slot.state == Slot::State::streaming && slot.on_close) slot.on_close();
  }
}

void ServerImpl::begin_stop() {
  stopping_ = true;
  for (size_t i = connections_.size(); i-- > 0;) {
    ServerConnection& c = *connections_[i];
    if (c.ops || c.phase != ServerConnection::Phase::idle || c.unsent() != 0) continue;
    linger(c);
    update_interest(c);
  }
}

bool ServerImpl::is_idle() const {
  for (const auto& c : connections_) {
    if (!c->ops && (!c->slots.empty() || c->unsent() != 0)) return false;
  }
  return true;
}

Server::Server(EventLoop& loop, ServerOptions options, Handler handler)
    : impl_(std::make_unique<ServerImpl>(loop, std::move(options), std::move(handler))) {}
Server::~Server() = default;

void Server::on_upgrade(OnUpgrade function) { impl_->on_upgrade = std::move(function); }
void Server::adopt(Handover connection) { impl_->adopt(std::move(connection), false); }
Result<SocketAddress> Server::listen_ops(const SocketAddress& address, bool with_ipv4, bool tls) {
  return impl_->listen_ops(address, with_ipv4, tls);
}
void Server::reconfigure(const ServerOptions& options) { impl_->reconfigure(options); }
void Server::cut_off(const void* payer) { impl_->cut_off(payer); }
void Server::listen_ops(UniqueFd listener, bool tls) { impl_->listen_ops(std::move(listener), tls); }
void Server::begin_stop() { impl_->begin_stop(); }
bool Server::is_idle() const { return impl_->is_idle(); }
const ServerStats& Server::stats() const { return impl_->stats; }

}  // namespace gw::http
