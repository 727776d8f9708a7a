// TLS of the server's connections: those that come from shards have it already, those of ops listeners begin
// here.
#include "net/http/server_impl.h"

namespace gw::http {
namespace {

constexpr int kRecordsMax = 32;  // of one turn

}  // namespace

IoResult ServerConnection::read(std::span<char> into, TlsStats& stats) {
  if (!tls) return read_some(fd.get(), into);
  const bool was_securing = is_securing();
  const IoResult result = tls->read(fd.get(), into);
  if (was_securing && tls->is_established()) {
    tls->count_handshake(stats);
  } else if (was_securing && result.status != IoResult::Status::again) {
    stats.count(tls->failure());
  }
  if (tls->has_unsent()) tls->send_unsent(fd.get());
  return result;
}

IoResult ServerConnection::write_out() {
  if (tls) return write_out_sealed();
  IoResult result;
  size_t bytes = 0;
  while (!out.empty()) {
    const size_t wanted = out.front().size();
    result = write_some(fd.get(), out.front());
    out.consume(result.bytes);
    bytes += result.bytes;
    if (result.bytes < wanted) break;
  }
  return {result.status, bytes};
}

// Record by record, for as long as the socket takes them, and with a bound: others have a turn, too.
IoResult ServerConnection::write_out_sealed() {
  IoResult result;
  size_t bytes = 0;
  for (int i = 0; i < kRecordsMax; ++i) {
    if (!tls->has_unsent()) {
      if (out.empty()) break;
      const size_t sealed = tls->seal(out.front());
      if (sealed == 0) return {IoResult::Status::failed, 0};
      out.consume(sealed);
    }
    result = tls->send_unsent(fd.get());
    bytes += result.bytes;
    if (tls->has_unsent()) break;
  }
  return {result.status, bytes};
}

// Where what is before it has been taken.
void ServerConnection::end_tls() {
  if (!tls || unsent() != 0) return;
  tls->end();
  if (tls->has_unsent()) tls->send_unsent(fd.get());
}

// Its first byte shows whether it is TLS that comes. False: there is nothing to be read.
bool ServerImpl::begin_tls(ServerConnection& c) {
  const IoResult result = read_some(c.fd.get(), scratch_);
  if (result.status == IoResult::Status::again) return false;
  c.awaits_tls = false;
  if (result.status != IoResult::Status::ok) {
    stats.tls.count(TlsFailure::left);
    close(c);
    return false;
  }
  std::string first(scratch_.data(), result.bytes);
  if (looks_like_tls(first)) {
    c.tls = std::make_unique<TlsSession>(options_.tls, std::move(first));
    return true;
  }
  stats.tls.count(TlsFailure::not_tls);
  fail(c, 400, kSpeaksTls.data());
  return false;
}

}  // namespace gw::http
