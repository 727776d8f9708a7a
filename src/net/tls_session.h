// TLS of one connection of ours, the server's side: between a non-blocking socket and whoever reads and
// writes what it carries. It knows no loop and no descriptor; what it has to say waits in unsent().
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/socket.h"
#include "net/tls_context.h"

struct bio_st;
struct bio_method_st;

namespace gw {

// Why a connection did not get as far as its first byte over TLS.
enum class TlsFailure : uint8_t {
  version,   // it can't do TLS 1.2
  cipher,    // no cipher, group or signature of ours
  protocol,  // by ALPN it wants something else than HTTP/1.1
  refused,   // it said so: our certificate most of the time
  malformed,
  left,
  timeout,
  not_tls,  // plain HTTP, for one
};
inline constexpr size_t kTlsFailures = 8;
std::string_view to_string(TlsFailure failure);

struct TlsStats {
  uint64_t tls12_total = 0;  // handshakes that were completed
  uint64_t tls13_total = 0;
  uint64_t resumed_total = 0;  // those of them that spared the certificate
  std::array<uint64_t, kTlsFailures> failures_total{};

  void add(const TlsStats& other);
  void count(TlsFailure failure) { ++failures_total[static_cast<size_t>(failure)]; }
};

// A client's first byte over TLS is that of a handshake; no text begins so.
bool looks_like_tls(std::string_view first_bytes);
inline constexpr std::string_view kSpeaksTls = "this port speaks TLS; use https:// or wss://";

class TlsSession {
 public:
  // Plain bytes that one read may give: as long a buffer it wants. No more is ever kept back, so a loop that
  // looks at its descriptor alone misses nothing.
  static constexpr size_t kReadBytes = 64 * 1024;
  // Plain bytes that are sealed at once, in one record.
  static constexpr size_t kSealBytes = 16 * 1024;

  // `early`: what of it has been read from the socket already.
  explicit TlsSession(TlsContextPtr context, std::string early = {});
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // One read of the socket, as read_some(). `again` also when nothing plain came of it. Any of them may leave
  // something to be sent.
  IoResult read(int fd, std::span<char> into);
  // What read() gave was the last: the peer has said its end, or it is of no use any more.
  bool is_over() const { return peer_ended_ || failed_; }

  // The handshake is complete; before that there is nothing to seal.
  bool is_established() const;
  // Of a read that has failed before that.
  TlsFailure failure() const { return failure_; }
  void count_handshake(TlsStats& stats) const;

  // Takes the beginning of `parts`, and answers how much of it: from then on that is in unsent(), which has
  // to be empty before. 0: the connection is of no use any more.
  size_t seal(std::span<const iovec> parts);
  size_t seal(std::string_view data);
  // Our end (close_notify). Once, and only where it means something.
  void end();

  std::string_view unsent() const { return std::string_view(out_).substr(sent_); }
  bool has_unsent() const { return sent_ != out_.size(); }
  void sent(size_t bytes);
  // One write of that.
  IoResult send_unsent(int fd);

 private:
  friend int take_input(bio_st* bio, char* into, int size);
  friend int take_output(bio_st* bio, const char* data, int size);

  struct Free {
    void operator()(ssl_st* ssl) const;
  };

  IoResult open(std::span<char> into);
  void note_failure();

  const TlsContextPtr context_;  // its callbacks ask it
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string early_;
  std::string_view input_;  // during a read: what OpenSSL has not taken yet
  std::string out_;
  size_t sent_ = 0;  // of it
  TlsFailure failure_ = TlsFailure::malformed;
  bool peer_ended_ = false;
  bool failed_ = false;
  bool ended_ = false;
};

}  // namespace gw
