// Where the gateway listens: a socket of its own for each shard where the kernel spreads connections over
// them, and one for all shards where it does not.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/overload.h"
#include "gateway/gateway.h"

namespace gw {
namespace {

// What one client can make the kernel hold that has not even been sent. More would only be in front of
// whatever comes later, a close frame for one: outboxes are where bytes wait.
constexpr int kUnsentBytesMax = 64 * 1024;

// Accepted sockets inherit it. Unix sockets know nothing of the kind: their buffers are bounded anyway.
void limit_unsent(int listener) {
  ::setsockopt(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytesMax, sizeof(kUnsentBytesMax));
}

}  // namespace

// With SO_REUSEPORT alone, which the shards need, a second gateway would take half of the clients unasked.
Result<void> Gateway::check_ports_free() const {
  const std::vector<SocketAddress> all = ip_addresses(options_.listen);
  for (const SocketAddress& address : all) {
    if (address.port == 0) continue;
    const Result<UniqueFd> free =
        listen_on(address, {.reuse_port = false, .with_ipv4 = serves_ipv4_too(address, all)});
    if (!free) return free.error();
  }
  return {};
}

Result<std::vector<Listener>> Gateway::listen_for_one_shard() {
  // The first shard resolves port 0; the others join its addresses.
  const bool first = shards_.empty();
  const std::vector<SocketAddress> all = ip_addresses(options_.listen);
  std::vector<Listener> listeners;
  for (const ListenAddress& wanted : options_.listen) {
    if (!wanted.ip()) continue;
    const ListenOptions options{.with_ipv4 = serves_ipv4_too(*wanted.ip(), all)};
    Result<UniqueFd> listener = listen_on(first ? *wanted.ip() : addresses_[listeners.size()], options);
    if (!listener) return listener.error();
    if (first) {
      const Result<SocketAddress> bound = local_address(listener->get());
      if (!bound) return bound.error();
      addresses_.push_back(*bound);
    }
    limit_unsent(listener->get());
    listeners.push_back({std::move(*listener), wanted.proxy_protocol, wanted.tls});
  }
  return listeners;
}

Result<void> Gateway::open_dealt(PassedSockets& passed) {
  for (const ListenAddress& wanted : options_.listen) {
    const Result<void> opened =
        std::visit(Overload{
                       [](const SocketAddress&) { return Result<void>(); },
                       [&](const UnixPath& path) { return listen_at(path, wanted); },
                       [&](const PassedSocket& which) { return take(passed, which, wanted); },
                   },
                   wanted.place);
    if (!opened) return opened;
  }
  return {};
}

Result<void> Gateway::listen_at(const UnixPath& path, const ListenAddress& wanted) {
  Result<UnixListener> listener = listen_on_unix(path);
  if (!listener) return listener.error();
  files_.push_back(std::move(listener->file));
  own_.add({std::move(listener->fd), wanted.proxy_protocol, wanted.tls});
  log::info("listening", {{"address", "unix:" + path.path}});
  return {};
}

Result<void> Gateway::take(PassedSockets& passed, const PassedSocket& which, const ListenAddress& wanted) {
  Result<std::vector<UniqueFd>> sockets = passed.take(which);
  if (!sockets) {
    return Error{sockets.error().code,
                 "cannot listen on " + ListenAddress{which}.text() + ": " + sockets.error().detail};
  }
  for (UniqueFd& socket : *sockets) {
    limit_unsent(socket.get());
    const Result<SocketAddress> bound = local_address(socket.get());
    if (!bound) return bound.error();
    if (!bound->ip.is_unix_socket()) addresses_.push_back(*bound);
    log::info("listening", {{"address", bound->text()}, {"passed", true}});
    passed_.add({std::move(socket), wanted.proxy_protocol, wanted.tls});
  }
  return {};
}

// Those who come meanwhile wait where they can: a handshake that we would refuse may be another's a moment
// later. But somebody may want to know why we do not get ready.
void Gateway::open_passed_when_ready() {
  if (passed_.is_empty()) return;
  hurry_ = parts_.loop.after(options_.shard.handshake.timeout, [this] { passed_.open(); });
}

void Gateway::deal(http::Handover connection) {
  next_shard_ = (next_shard_ + 1) % shards_.size();
  send_to_shard({static_cast<uint32_t>(next_shard_), 0, 0}, command::Upgrade{std::move(connection)});
}

void Gateway::stop_being_ready() {
  leaving_ = true;
  if (passed_.is_empty()) return;
  takes_last_ = true;
  passed_.close();
}

}  // namespace gw
