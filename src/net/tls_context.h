// What listeners of ours show of themselves over TLS: certificates with their keys, of which the name that a
// client asks for (SNI) picks one. Immutable, and shared by all threads: who replaces it makes a new one, and
// connections keep theirs.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

struct ssl_ctx_st;
struct ssl_st;

namespace gw {

// A certificate, those that vouch for it, and its key.
class TlsCertificate {
 public:
  // Both as PEM: the certificate comes first in its chain. The error's detail says of which of them what is
  // wrong, without a word of the key itself.
  static Result<TlsCertificate> parse(std::string_view chain, std::string_view key);

  // How it is told from others: the SHA-256 of the certificate, in hexadecimal digits.
  const std::string& fingerprint() const { return fingerprint_; }
  WallTime valid_from() const { return valid_from_; }
  WallTime valid_until() const { return valid_until_; }
  // Whether one of its names, or a wildcard among them, is this host's.
  bool is_for(const std::string& host) const;
  ssl_ctx_st* context() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };

  explicit TlsCertificate(ssl_ctx_st* context) : context_(context) {}
  void read_facts();

  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string fingerprint_;
  WallTime valid_from_{};
  WallTime valid_until_{};
};

class TlsContext {
 public:
  // At least one. The first is for who asks for none of them, or for no name at all.
  explicit TlsContext(std::vector<TlsCertificate> certificates);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const std::vector<TlsCertificate>& certificates() const { return certificates_; }
  // Our side of a new connection, which keeps `this` alive by itself (tls_session.h).
  ssl_st* make_session() const;
  // For OpenSSL's callback.
  const TlsCertificate* find(const std::string& host) const;

 private:
  const std::vector<TlsCertificate> certificates_;
};

using TlsContextPtr = std::shared_ptr<const TlsContext>;

}  // namespace gw
