#include "net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace gw {
namespace {

// Of what came; with the rest of a record, which OpenSSL keeps, all of it fits into kReadBytes.
constexpr size_t kSealedReadBytes = 32 * 1024;
// A handshake with a long chain is far below. Who makes us answer, again and again, and takes nothing is
// above.
constexpr size_t kUnsentMax = 128 * 1024;
constexpr char kHandshakeRecord = 0x16;  // RFC 8446 5.1

TlsFailure failure_of(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_WRONG_SSL_VERSION: return TlsFailure::version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS: return TlsFailure::cipher;
    case SSL_R_NO_APPLICATION_PROTOCOL: return TlsFailure::protocol;
    // Its alerts come as reasons, by their number.
    default: return reason >= SSL_AD_REASON_OFFSET ? TlsFailure::refused : TlsFailure::malformed;
  }
}

std::string_view gathered(std::span<const iovec> parts, std::span<char> room) {
  size_t size = 0;
  for (const iovec& part : parts) {
    const size_t taken = std::min(part.iov_len, room.size() - size);
    std::memcpy(room.data() + size, part.iov_base, taken);
    size += taken;
    if (size == room.size()) break;
  }
  return {room.data(), size};
}

}  // namespace

// --- What OpenSSL takes for the socket

int take_input(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  TlsSession& session = *static_cast<TlsSession*>(BIO_get_data(bio));
  const size_t taken = std::min(session.input_.size(), static_cast<size_t>(size));
  if (taken == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(into, session.input_.data(), taken);
  session.input_.remove_prefix(taken);
  return static_cast<int>(taken);
}

int take_output(BIO* bio, const char* data, int size) {
  TlsSession& session = *static_cast<TlsSession*>(BIO_get_data(bio));
  const auto bytes = static_cast<size_t>(size);
  if (session.out_.size() - session.sent_ + bytes > kUnsentMax) return -1;
  session.out_.append(data, bytes);
  return size;
}

namespace {

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gateway");
    ASSERT(method != nullptr);
    BIO_meth_set_read(method, take_input);
    BIO_meth_set_write(method, take_output);
    BIO_meth_set_ctrl(method, control);
    return method;
  }();
  return made;
}

}  // namespace

std::string_view to_string(TlsFailure failure) {
  constexpr std::string_view kNames[kTlsFailures] = {"version",   "cipher", "protocol", "refused",
                                                     "malformed", "left",   "timeout",  "not_tls"};
  return kNames[static_cast<size_t>(failure)];
}

void TlsStats::add(const TlsStats& other) {
  tls12_total += other.tls12_total;
  tls13_total += other.tls13_total;
  resumed_total += other.resumed_total;
  for (size_t i = 0; i < kTlsFailures; ++i) failures_total[i] += other.failures_total[i];
}

bool looks_like_tls(std::string_view first_bytes) { return first_bytes.front() == kHandshakeRecord; }

void TlsSession::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsSession::TlsSession(TlsContextPtr context, std::string early)
    : context_(std::move(context)), ssl_(context_->make_session()), early_(std::move(early)) {
  BIO* const bio = BIO_new(socket_method());
  ASSERT(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsSession::~TlsSession() = default;

IoResult TlsSession::read(int fd, std::span<char> into) {
  ASSERT(into.size() >= kReadBytes);
  if (!early_.empty()) {
    const std::string early = std::exchange(early_, {});
    input_ = early;
    return open(into);
  }
  static thread_local std::array<char, kSealedReadBytes> sealed;
  const IoResult result = read_some(fd, sealed);
  const bool has_left = result.status == IoResult::Status::end || result.status == IoResult::Status::failed;
  if (has_left && !failed_) failure_ = TlsFailure::left;
  if (result.status != IoResult::Status::ok) return result;
  input_ = {sealed.data(), result.bytes};
  return open(into);
}

// All that has come: what is left is at most the beginning of a record.
IoResult TlsSession::open(std::span<char> into) {
  size_t bytes = 0;
  while (!is_over()) {
    ERR_clear_error();
    size_t plain = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data() + bytes, into.size() - bytes, &plain);
    if (result == 1) {
      bytes += plain;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) break;
    if (error == SSL_ERROR_ZERO_RETURN) {
      peer_ended_ = true;
    } else {
      note_failure();
    }
  }
  input_ = {};
  if (bytes != 0) return {IoResult::Status::ok, bytes};
  if (failed_) return {IoResult::Status::failed, 0};
  return {peer_ended_ ? IoResult::Status::end : IoResult::Status::again, 0};
}

void TlsSession::note_failure() {
  failed_ = true;
  failure_ = failure_of(ERR_peek_error());
  ERR_clear_error();
}

bool TlsSession::is_established() const { return SSL_is_init_finished(ssl_.get()) == 1; }

void TlsSession::count_handshake(TlsStats& stats) const {
  ++(SSL_version(ssl_.get()) == TLS1_3_VERSION ? stats.tls13_total : stats.tls12_total);
  if (SSL_session_reused(ssl_.get()) == 1) ++stats.resumed_total;
}

size_t TlsSession::seal(std::span<const iovec> parts) {
  const iovec& first = parts.front();
  if (parts.size() == 1 || first.iov_len >= kSealBytes)
    return seal(std::string_view(static_cast<const char*>(first.iov_base), first.iov_len));
  static thread_local std::array<char, kSealBytes> room;
  return seal(gathered(parts, room));
}

size_t TlsSession::seal(std::string_view data) {
  if (failed_ || ended_) return 0;
  ASSERT(is_established() && !has_unsent() && !data.empty());
  data = data.substr(0, kSealBytes);
  ERR_clear_error();
  size_t taken = 0;
  if (SSL_write_ex(ssl_.get(), data.data(), data.size(), &taken) != 1) {
    failed_ = true;
    return 0;
  }
  ASSERT(taken == data.size());
  return taken;
}

void TlsSession::end() {
  if (ended_ || failed_ || !is_established()) return;
  ended_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

void TlsSession::sent(size_t bytes) {
  sent_ += bytes;
  ASSERT(sent_ <= out_.size());
  if (has_unsent()) return;
  std::string().swap(out_);
  sent_ = 0;
}

IoResult TlsSession::send_unsent(int fd) {
  const IoResult result = write_some(fd, unsent());
  sent(result.bytes);
  return result;
}

}  // namespace gw
