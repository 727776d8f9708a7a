#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "base/assert.h"
#include "base/free_with.h"
#include "base/hex.h"

namespace gw {
namespace {

constexpr int kChainMax = 16;
// RFC 9325: with TLS 1.2 an ephemeral key and an AEAD, nothing else. TLS 1.3 has nothing else.
constexpr const char* kCiphersOfTls12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kHttp11 = "http/1.1";

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;

Bio bio_of(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

Error refusal(std::string why) {
  ERR_clear_error();
  return Error{Errc::invalid_argument, std::move(why)};
}

// In OpenSSL's words, such as "ee key too small".
std::string reason() {
  const char* const text = ERR_reason_error_string(ERR_peek_last_error());
  return text ? text : "OpenSSL does not say why";
}

// A key with a passphrase must not make anybody ask for it.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<void> take_key(SSL_CTX* context, std::string_view text) {
  bool has_passphrase = false;
  const Bio bio = bio_of(text);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &has_passphrase));
  if (has_passphrase) return refusal("the key has a passphrase; expected one without");
  if (!key) return refusal("no private key in PEM stands in the file of the key");
  // OpenSSL would keep one of another kind beside the certificate, for one that never comes.
  if (X509_check_private_key(SSL_CTX_get0_certificate(context), key.get()) != 1)
    return refusal("the key belongs to another certificate");
  if (SSL_CTX_use_PrivateKey(context, key.get()) == 1) return {};
  return refusal("the key can't be used: " + reason());
}

Certificate next_certificate(BIO* from) {
  bool asked = false;
  return Certificate(PEM_read_bio_X509(from, nullptr, no_passphrase, &asked));
}

Result<void> take_chain(SSL_CTX* context, std::string_view text) {
  const Bio bio = bio_of(text);
  const Certificate own = next_certificate(bio.get());
  if (!own) return refusal("no certificate in PEM stands in the file of the certificate");
  if (SSL_CTX_use_certificate(context, own.get()) != 1)
    return refusal("the certificate can't be used: " + reason());
  for (int i = 0; i < kChainMax; ++i) {
    Certificate issuer = next_certificate(bio.get());
    if (!issuer) {
      const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      ERR_clear_error();
      if (at_end) return {};
      return refusal("a certificate behind the first is malformed");
    }
    if (SSL_CTX_add0_chain_cert(context, issuer.get()) != 1)
      return refusal("a certificate behind the first can't be used: " + reason());
    issuer.release();
  }
  return refusal("more than " + std::to_string(kChainMax) + " certificates stand behind the first");
}

// RFC 7301: whoever offers protocols and not ours is told so.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  const std::string_view offers(reinterpret_cast<const char*>(offered), offered_size);
  for (size_t at = 0; at < offers.size(); at += 1 + offered[at]) {
    if (offers.substr(at + 1, offered[at]) != kHttp11) continue;
    *chosen = offered + at + 1;
    *size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Called once its version is known, with a name or without.
int choose_certificate(SSL* ssl, int*, void* self) {
  // A key of tickets opens what TLS 1.2 resumes with them, also later. With TLS 1.3 it does not.
  if (SSL_version(ssl) < TLS1_3_VERSION) SSL_set_options(ssl, SSL_OP_NO_TICKET);
  const char* const host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const TlsCertificate* const found = host ? static_cast<const TlsContext*>(self)->find(host) : nullptr;
  if (found) SSL_set_SSL_CTX(ssl, found->context());
  return SSL_TLSEXT_ERR_OK;
}

void set_up(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ASSERT(SSL_CTX_set_cipher_list(context, kCiphersOfTls12) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // An idle connection owns no buffer.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Resumed by tickets, whose key all threads have; nothing is remembered here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime() + std::chrono::seconds(timegm(&parts));
}

}  // namespace

void TlsCertificate::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<TlsCertificate> TlsCertificate::parse(std::string_view chain, std::string_view key) {
  TlsCertificate certificate(SSL_CTX_new(TLS_server_method()));
  ASSERT(certificate.context_ != nullptr);
  set_up(certificate.context());
  if (const auto taken = take_chain(certificate.context(), chain); !taken) return taken.error();
  if (const auto taken = take_key(certificate.context(), key); !taken) return taken.error();
  certificate.read_facts();
  return certificate;
}

void TlsCertificate::read_facts() {
  const X509* const own = SSL_CTX_get0_certificate(context());
  valid_from_ = time_of(X509_get0_notBefore(own));
  valid_until_ = time_of(X509_get0_notAfter(own));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ASSERT(X509_digest(own, EVP_sha256(), digest, &size) == 1);
  fingerprint_ = to_hex({digest, size});
}

bool TlsCertificate::is_for(const std::string& host) const {
  return X509_check_host(SSL_CTX_get0_certificate(context()), host.data(), host.size(),
                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1;
}

TlsContext::TlsContext(std::vector<TlsCertificate> certificates) : certificates_(std::move(certificates)) {
  ASSERT(!certificates_.empty());
  SSL_CTX_set_tlsext_servername_arg(certificates_.front().context(), this);
}

SSL* TlsContext::make_session() const {
  SSL* const ssl = SSL_new(certificates_.front().context());
  ASSERT(ssl != nullptr);
  SSL_set_accept_state(ssl);
  return ssl;
}

const TlsCertificate* TlsContext::find(const std::string& host) const {
  const auto found = std::find_if(certificates_.begin(), certificates_.end(),
                                  [&](const TlsCertificate& one) { return one.is_for(host); });
  return found == certificates_.end() ? nullptr : &*found;
}

}  // namespace gw
