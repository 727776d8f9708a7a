// Who may hold how much of what all share: connections, and the bytes that wait in them.
#include <algorithm>
#include <tuple>

#include "base/log.h"
#include "net/http/forwarded.h"
#include "net/http/server_impl.h"

namespace gw::http {

bool ServerImpl::is_bounded(const IpAddress& address) const {
  return options_.address_connections_max != 0 && !stands_for_many(address, options_.trusted_proxies);
}

bool ServerImpl::is_always_answered(std::string_view bytes) const {
  return std::any_of(options_.always_paths.begin(), options_.always_paths.end(),
                     [&](const std::string& path) { return is_request_for(bytes, path).value_or(false); });
}

// Whether one more fits; whoever is unused for longest makes place for it.
bool ServerImpl::make_room(bool ops) {
  while (connections_.size() >= options_.connections_max + (ops ? kReserve : 0)) {
    if (spare_.empty()) return false;
    close(*spare_.front());
  }
  return true;
}

void ServerImpl::refuse(Handover& handover, int status, const char* detail) {
  std::string refusal;
  append_response(refusal, Response::error(status, code_of(status), detail).header("Retry-After", "1"),
                  {.close = true}, loop_.wall_now());
  if (!handover.tls) {
    write_some(handover.fd.get(), refusal);
  } else if (!handover.tls->has_unsent() && handover.tls->seal(refusal) != 0) {
    handover.tls->end();
    handover.tls->send_unsent(handover.fd.get());
  }
  count_answer(stats, status);
}

void ServerImpl::enroll(ServerConnection& c, bool bounded, bool reserved) {
  c.address = &addresses_[machine_of(c.peer.ip)];
  ++c.address->connections;
  c.stranger = bounded;
  if (c.stranger) ++c.address->strangers;
  c.reserved = reserved;
  if (c.reserved) ++reserved_;
}

// Gives back all that it holds: it is about to go.
void ServerImpl::discharge(ServerConnection& c) {
  if (c.spare) spare_.erase(*c.spare);
  c.spare.reset();
  if (c.reserved) --reserved_;
  stats.buffered_bytes -= c.charged;
  (c.account ? streams_bytes_ : requests_bytes_) -= c.charged;
  (c.account ? c.account : c.address)->bytes -= c.charged;
  c.charged = 0;
  if (c.stranger) --c.address->strangers;
  if (--c.address->connections == 0) addresses_.erase(machine_of(c.peer.ip));
}

void ServerImpl::bill(const Exchange& exchange, const void* payer) {
  ServerConnection& c = *exchange.connection;
  c.payer = payer;
  if (c.stranger) --c.address->strangers;
  c.stranger = false;
}

// Who counts already counts as before.
void ServerImpl::reconfigure(const ServerOptions& options) {
  options_.address_connections_max = options.address_connections_max;
  options_.trusted_proxies = options.trusted_proxies;
  options_.tls = options.tls;
}

void ServerImpl::cut_off(const void* payer) {
  for (const auto& c : connections_)
    if (c->account && c->payer == payer && c->output != ServerConnection::Output::doomed) doom(*c);
}

// Keeps spare_ in order; a request since the last time counts as use.
void ServerImpl::place(ServerConnection& c) {
  const bool spare = c.slots.empty() && !c.ops;
  if (!spare) {
    if (c.spare) spare_.erase(*c.spare);
    c.spare.reset();
  } else if (!c.spare) {
    c.spare = spare_.insert(spare_.end(), &c);
  } else if (c.begun_anew) {
    spare_.splice(spare_.end(), spare_, *c.spare);
  }
}

void ServerImpl::charge(ServerConnection& c) {
  size_t bytes = c.in.size() + c.unsent() + (c.chunked ? c.chunked->body.size() : 0);
  for (const Slot& slot : c.slots) bytes += slot.bytes.size();
  // May wrap on the way, not in the end.
  const size_t more = bytes - c.charged;
  stats.buffered_bytes += more;
  (c.account ? streams_bytes_ : requests_bytes_) += more;
  (c.account ? c.account : c.address)->bytes += more;
  c.charged = bytes;
}

// From its address to its payer when it streams, and back (null).
void ServerImpl::move_charge(ServerConnection& c, Holdings* account) {
  (c.account ? streams_bytes_ : requests_bytes_) -= c.charged;
  (c.account ? c.account : c.address)->bytes -= c.charged;
  c.account = account;
  (c.account ? streams_bytes_ : requests_bytes_) += c.charged;
  (c.account ? c.account : c.address)->bytes += c.charged;
}

// Whether a stream may hold so much more. While all hold too much together, the largest stream of the payer
// that holds most gives way: whoever comes new finds room, and a slow stream costs its payer's others
// nothing.
bool ServerImpl::find_room(ServerConnection& c, size_t cost) {
  while (streams_bytes_ + cost > options_.streams_bytes_max) {
    ServerConnection* largest = &c;
    for (const auto& other : connections_) {
      if (!other->account || other->output == ServerConnection::Output::doomed) continue;
      if (std::tie(other->account->bytes, other->charged) >
          std::tie(largest->account->bytes, largest->charged))
        largest = other.get();
    }
    if (largest == &c) return false;
    log::warn("http_stream_dropped", {{"peer", largest->peer.ip.text()}, {"bytes", largest->charged}});
    doom(*largest);
  }
  return true;
}

void ServerImpl::forget_stream(ServerConnection& c) {
  --stats.streams;
  --c.account->connections;
}

// What its stream holds is dropped at once. It closes at the end of the turn: the caller may stand anywhere.
void ServerImpl::doom(ServerConnection& c) {
  c.output = ServerConnection::Output::doomed;
  c.out.clear();
  for (Slot& slot : c.slots) std::string().swap(slot.bytes);
  touch(c);
}

// Between events only: it closes connections.
void ServerImpl::shed_requests() {
  while (requests_bytes_ > options_.requests_bytes_max) {
    ServerConnection* largest = nullptr;
    for (const auto& c : connections_) {
      if (c->account || c->ops || c->charged == 0) continue;
      if (!largest ||
          std::tie(c->address->bytes, c->charged) >= std::tie(largest->address->bytes, largest->charged))
        largest = c.get();
    }
    if (!largest) return;
    // An answer fits only where none is on its way.
    if (largest->owes_nothing() && largest->intake != ServerConnection::Intake::ended) {
      fail(*largest, 503, "the server is out of buffers");
    } else {
      close(*largest);
    }
  }
}

}  // namespace gw::http
