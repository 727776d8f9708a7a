// Certificates made for a test, and a client that speaks TLS.
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "net/tls_context.h"

namespace gw {

struct PemPair {
  std::string certificate;
  std::string key;
};

inline std::string pem_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

// It vouches for itself: for these names, as "DNS:a.example,DNS:b.example".
inline PemPair make_certificate(const std::string& names, long valid_days = 30) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
  X509_gmtime_adj(X509_getm_notBefore(made), -86400L * 60);
  X509_gmtime_adj(X509_getm_notAfter(made), 86400L * valid_days);
  X509_set_pubkey(made, key);
  X509_NAME* const subject = X509_get_subject_name(made);
  X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1,
                             -1, 0);
  X509_set_issuer_name(made, subject);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(made, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(made, key, EVP_sha256());
  BIO* const certificate_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_bio, made);
  BIO* const key_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(made);
  EVP_PKEY_free(key);
  return {pem_text(certificate_bio), pem_text(key_bio)};
}

inline TlsContextPtr make_tls_context(std::initializer_list<PemPair> pairs) {
  std::vector<TlsCertificate> certificates;
  for (const PemPair& pair : pairs)
    certificates.push_back(*TlsCertificate::parse(pair.certificate, pair.key));
  return std::make_shared<const TlsContext>(std::move(certificates));
}

// The other end of a socket, which does not block.
class TlsClient {
 public:
  explicit TlsClient(int fd, const char* host = nullptr) : context_(SSL_CTX_new(TLS_client_method())) {
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd);
    SSL_set_connect_state(ssl_.get());
    if (host) SSL_set_tlsext_host_name(ssl_.get(), host);
  }

  SSL* get() { return ssl_.get(); }
  bool handshake() {
    ERR_clear_error();
    const bool done = SSL_do_handshake(ssl_.get()) == 1;
    if (!done && ERR_peek_error() != 0) why_refused_ = ERR_GET_REASON(ERR_peek_error());
    return done;
  }
  // The last reason why it has no handshake, as OpenSSL numbers them.
  int why_refused() const { return why_refused_; }
  bool write(std::string_view data) {
    return SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size())) == static_cast<int>(data.size());
  }
  // What has come; "closed" once the other side has said its end.
  std::string read() {
    std::string got;
    char buffer[4096];
    while (true) {
      ERR_clear_error();
      const int bytes = SSL_read(ssl_.get(), buffer, sizeof(buffer));
      if (bytes <= 0) return SSL_get_error(ssl_.get(), bytes) == SSL_ERROR_ZERO_RETURN ? got + "closed" : got;
      got.append(buffer, static_cast<size_t>(bytes));
    }
  }
  std::string names_seen() {
    X509* const seen = SSL_get1_peer_certificate(ssl_.get());
    auto* const names =
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(seen, NID_subject_alt_name, nullptr, nullptr));
    std::string out;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
      const ASN1_IA5STRING* const name = sk_GENERAL_NAME_value(names, i)->d.dNSName;
      out.append(out.empty() ? "" : ",").append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)));
    }
    GENERAL_NAMES_free(names);
    X509_free(seen);
    return out;
  }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  int why_refused_ = 0;
};

}  // namespace gw
