#include "gateway/client_io.h"

#include "base/log.h"

namespace gw {

IoResult receive(Client& client, std::span<char> into) {
  return client.tls ? client.tls->read(client.fd.get(), into) : read_some(client.fd.get(), into);
}

bool has_output(Client& client) {
  return (client.tls && client.tls->has_unsent()) || !client.connection().outbox().empty();
}

size_t gather_output(Client& client, std::span<iovec> parts) {
  Outbox& outbox = client.connection().outbox();
  if (!client.tls) return outbox.gather(parts);
  if (!client.tls->has_unsent()) {
    const size_t sealed = client.tls->seal(parts.first(outbox.gather(parts)));
    if (sealed == 0) return 0;
    outbox.consume(sealed);
  }
  const std::string_view unsent = client.tls->unsent();
  parts[0] = {const_cast<char*>(unsent.data()), unsent.size()};
  return 1;
}

void take_sent(Client& client, size_t bytes) {
  if (client.tls) {
    client.tls->sent(bytes);
  } else {
    client.connection().outbox().consume(bytes);
  }
}

bool end_tls(Client& client) {
  if (!client.tls) return true;
  client.tls->end();
  if (client.tls->has_unsent()) client.tls->send_unsent(client.fd.get());
  return !client.tls->has_unsent();
}

// A few hundred bytes into an empty socket buffer: written at once or never.
void say_last(Client& client, std::string_view bytes) {
  if (!client.tls) {
    write_some(client.fd.get(), bytes);
  } else if (!client.tls->has_unsent()) {
    client.tls->seal(bytes);
    end_tls(client);
  }
}

bool is_securing(const Client& client) { return client.tls && !client.tls->is_established(); }

void begin_tls(Client& client, const TlsContextPtr& context) {
  Handshaking& handshake = client.handshaking();
  handshake.awaits_tls = false;
  handshake.is_secure = true;
  client.tls = std::make_unique<TlsSession>(context, std::exchange(handshake.bytes, {}));
}

bool advance_tls(Client& client, const IoResult& result, TlsStats& stats) {
  // Why it is not taken is said as well.
  if (client.tls->has_unsent()) client.tls->send_unsent(client.fd.get());
  if (client.tls->is_established()) {
    client.tls->count_handshake(stats);
    return true;
  }
  if (result.status == IoResult::Status::again) return true;
  count_tls_failure(client, client.tls->failure(), stats);
  return false;
}

void count_tls_failure(const Client& client, TlsFailure why, TlsStats& stats) {
  log::debug("tls_handshake_failed", {{"reason", to_string(why)}, {"peer", client.arrival().peer.ip.text()}});
  stats.count(why);
}

}  // namespace gw
