#include "traffic_cop/jwt_keys.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/free_with.h"
#include "json/json.h"

namespace gw {

enum class JwtFamily : uint8_t { hmac, rsa, rsa_pss, ecdsa, eddsa };

struct JwtAlgorithm {
  std::string_view name;
  JwtFamily family;
  const EVP_MD* (*digest)();
  std::string_view curve = {};  // of ecdsa and eddsa
  size_t half_bytes = 0;        // of an ecdsa signature: r, and s
};

namespace {

constexpr size_t kSecretBytesMin = 32;
constexpr int kRsaBitsMin = 2048, kRsaBitsMax = 8192;

using Family = JwtFamily;
constexpr std::array<JwtAlgorithm, 13> kAlgorithms{{
    {"HS256", Family::hmac, &EVP_sha256},
    {"HS384", Family::hmac, &EVP_sha384},
    {"HS512", Family::hmac, &EVP_sha512},
    {"RS256", Family::rsa, &EVP_sha256},
    {"RS384", Family::rsa, &EVP_sha384},
    {"RS512", Family::rsa, &EVP_sha512},
    {"PS256", Family::rsa_pss, &EVP_sha256},
    {"PS384", Family::rsa_pss, &EVP_sha384},
    {"PS512", Family::rsa_pss, &EVP_sha512},
    {"ES256", Family::ecdsa, &EVP_sha256, "prime256v1", 32},
    {"ES384", Family::ecdsa, &EVP_sha384, "secp384r1", 48},
    {"ES512", Family::ecdsa, &EVP_sha512, "secp521r1", 66},
    {"EdDSA", Family::eddsa, &EVP_md_null, "ED25519"},
}};

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;
using PublicKey = std::shared_ptr<EVP_PKEY>;

Error invalid(std::string detail) { return {Errc::invalid_argument, std::move(detail)}; }

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

PublicKey owned(EVP_PKEY* key) { return key ? PublicKey(key, &EVP_PKEY_free) : PublicKey(); }

std::string curve_of(EVP_PKEY* key) {
  std::array<char, 32> name{};
  size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(), &size) != 1)
    return {};
  return {name.data(), size};
}

bool is_of_curve(EVP_PKEY* key, std::string_view curve) {
  return EVP_PKEY_is_a(key, "EC") == 1 && curve_of(key) == curve;
}

// r and s, each in full length (RFC 7518 3.4), as OpenSSL has them.
std::string der_of(std::string_view signature, size_t half) {
  if (signature.size() != 2 * half) return {};
  const EcdsaSignature parts(ECDSA_SIG_new());
  Number r(BN_bin2bn(bytes_of(signature), static_cast<int>(half), nullptr));
  Number s(BN_bin2bn(bytes_of(signature.substr(half)), static_cast<int>(half), nullptr));
  if (!parts || !r || !s || ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parts.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool verify_hmac(const EVP_MD* digest, std::string_view secret, std::string_view text,
                 std::string_view signature) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  if (!HMAC(digest, secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(), mac.data(),
            &size))
    return false;
  return signature.size() == size && CRYPTO_memcmp(mac.data(), signature.data(), size) == 0;
}

bool use_pss(EVP_PKEY_CTX* context, const EVP_MD* digest) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1;
}

bool verify_signature(const JwtAlgorithm& algorithm, EVP_PKEY* key, std::string_view text,
                      std::string_view signature) {
  const std::string der =
      algorithm.family == Family::ecdsa ? der_of(signature, algorithm.half_bytes) : std::string(signature);
  const EVP_MD* const digest = algorithm.family == Family::eddsa ? nullptr : algorithm.digest();
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;  // the context's
  const bool is_good =
      context && !der.empty() && EVP_DigestVerifyInit(context.get(), &settings, digest, nullptr, key) == 1 &&
      (algorithm.family != Family::rsa_pss || use_pss(settings, digest)) &&
      EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(text), text.size()) == 1;
  ERR_clear_error();
  return is_good;
}

PublicKey key_of(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return {};
  return owned(key);
}

}  // namespace

const JwtAlgorithm* find_jwt_algorithm(std::string_view name) {
  const auto found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                  [&](const JwtAlgorithm& algorithm) { return algorithm.name == name; });
  return found == kAlgorithms.end() ? nullptr : &*found;
}

// --- A key ------------------------------------------------------------------------------------------------

Result<JwtKey> JwtKey::of_secret(std::string secret) {
  if (secret.size() < kSecretBytesMin)
    return invalid("a shared secret needs 32 bytes or more (RFC 7518 3.2): openssl rand -base64 48");
  JwtKey key;
  key.secret_ = std::move(secret);
  return key;
}

Result<JwtKey> JwtKey::of_public_key(std::shared_ptr<evp_pkey_st> key) {
  ERR_clear_error();
  if (!key) return invalid("is no public key that OpenSSL can read");
  const int bits = EVP_PKEY_get_bits(key.get());
  const bool is_rsa = EVP_PKEY_is_a(key.get(), "RSA") == 1;
  if (is_rsa && (bits < kRsaBitsMin || bits > kRsaBitsMax))
    return invalid("an RSA key has 2048 to 8192 bits (RFC 7518 3.3)");
  JwtKey out;
  out.key_ = std::move(key);
  const bool is_known = std::any_of(kAlgorithms.begin(), kAlgorithms.end(),
                                    [&](const JwtAlgorithm& algorithm) { return out.verifies(algorithm); });
  if (!is_known) return invalid("is no key of RSA, P-256, P-384, P-521 or Ed25519");
  return out;
}

Result<JwtKey> JwtKey::of_pem(std::string_view pem) {
  const Bio input(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (pem.find("-----BEGIN CERTIFICATE-----") == std::string_view::npos)
    return of_public_key(owned(PEM_read_bio_PUBKEY(input.get(), nullptr, nullptr, nullptr)));
  const Certificate certificate(PEM_read_bio_X509(input.get(), nullptr, nullptr, nullptr));
  return of_public_key(certificate ? owned(X509_get_pubkey(certificate.get())) : PublicKey());
}

bool JwtKey::verifies(const JwtAlgorithm& algorithm) const {
  if (only_ && only_ != &algorithm) return false;
  switch (algorithm.family) {
    case Family::hmac: return secret_.size() >= static_cast<size_t>(EVP_MD_get_size(algorithm.digest()));
    case Family::rsa:
    case Family::rsa_pss: return key_ && EVP_PKEY_is_a(key_.get(), "RSA") == 1;
    case Family::ecdsa: return key_ && is_of_curve(key_.get(), algorithm.curve);
    case Family::eddsa: return key_ && EVP_PKEY_is_a(key_.get(), "ED25519") == 1;
  }
  return false;
}

bool JwtKey::verify(const JwtAlgorithm& algorithm, std::string_view text, std::string_view signature) const {
  if (!verifies(algorithm)) return false;
  if (algorithm.family == Family::hmac) return verify_hmac(algorithm.digest(), secret_, text, signature);
  return verify_signature(algorithm, key_.get(), text, signature);
}

// --- Out of a JWK Set (RFC 7517, RFC 7518 6, RFC 8037 2)
// ----------------------------------------------------

// Of one JWK: a key, or why it is none.
class JwkReader {
 public:
  JwkReader(const json::Object& jwk, bool may_be_secret) : jwk_(jwk), may_be_secret_(may_be_secret) {}

  Result<JwtKey> read() {
    if (jwk_.find("d") || jwk_.find("p")) return invalid("a private key has no place here");
    if (!may_sign()) return invalid("is no key for signatures");
    Result<JwtKey> key = read_key();
    if (!key) return key;
    key->id_ = text("kid");
    const std::string algorithm = text("alg");
    if (algorithm.empty()) return key;
    const JwtAlgorithm* const only = find_jwt_algorithm(algorithm);
    if (!only || !key->verifies(*only)) return invalid("alg does not fit the key");
    key->only_ = only;
    return key;
  }

 private:
  std::string text(std::string_view name) const {
    const json::Value* const value = jwk_.find(name);
    return value ? json::as_string(*value).value_or("") : std::string();
  }

  std::string bytes(std::string_view name) const { return base64url_decode(text(name)).value_or(""); }

  bool may_sign() const {
    if (const std::string use = text("use"); !use.empty() && use != "sig") return false;
    const json::Value* const operations = jwk_.find("key_ops");
    if (!operations) return true;
    if (!operations->is_array()) return false;
    const json::Array all = json::elements(*operations);
    return std::any_of(all.begin(), all.end(),
                       [](const json::Value& one) { return json::as_string(one) == "verify"; });
  }

  Result<JwtKey> read_key() const {
    const std::string type = text("kty");
    if (type == "oct" && !may_be_secret_) return invalid("is a secret that everybody can read");
    if (type == "oct") return JwtKey::of_secret(bytes("k"));
    if (type == "RSA") return JwtKey::of_public_key(rsa());
    if (type == "EC") return JwtKey::of_public_key(elliptic());
    if (type == "OKP" && text("crv") == "Ed25519") {
      const std::string x = bytes("x");
      return JwtKey::of_public_key(
          owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size())));
    }
    return invalid("is of an unknown kind");
  }

  PublicKey rsa() const {
    const std::string n = bytes("n"), e = bytes("e");
    if (n.empty() || e.empty() || n.size() > kRsaBitsMax / 8 || e.size() > 8) return {};
    const Number modulus(BN_bin2bn(bytes_of(n), static_cast<int>(n.size()), nullptr));
    const Number exponent(BN_bin2bn(bytes_of(e), static_cast<int>(e.size()), nullptr));
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    if (!modulus || !exponent || !builder ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
      return {};
    return key_of("RSA", builder.get());
  }

  PublicKey elliptic() const {
    constexpr std::array<std::array<std::string_view, 2>, 3> kCurves{
        {{"P-256", "ES256"}, {"P-384", "ES384"}, {"P-521", "ES512"}}};
    const std::string named = text("crv");
    const auto curve =
        std::find_if(kCurves.begin(), kCurves.end(), [&](const auto& known) { return known[0] == named; });
    if (curve == kCurves.end()) return {};
    const JwtAlgorithm& algorithm = *find_jwt_algorithm((*curve)[1]);
    const std::string x = bytes("x"), y = bytes("y");
    if (x.size() != algorithm.half_bytes || y.size() != algorithm.half_bytes) return {};
    const std::string point = "\x04" + x + y;  // uncompressed (SEC 1 2.3.3)
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, algorithm.curve.data(),
                                        0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1)
      return {};
    return key_of("EC", builder.get());
  }

  const json::Object& jwk_;
  const bool may_be_secret_;
};

namespace {

Result<JwtKeys> read_jwk_set(std::string_view text, bool may_be_secret) {
  const auto set = json::parse_object(text);
  const json::Value* const all = set ? set->find("keys") : nullptr;
  if (!all || !all->is_array()) return invalid("is no JWK Set: expected a JSON object with a list of keys");
  JwtKeys keys;
  std::string why = "it is empty";
  for (const json::Value& item : json::elements(*all)) {
    if (!item.is_object()) return invalid("is no JWK Set: a key is no object");
    const json::Object jwk = json::members(item);
    Result<JwtKey> key = JwkReader(jwk, may_be_secret).read();
    if (!key) {
      why = "the last one " + key.error().detail;
    } else if (keys.size() == kJwtKeysMax) {
      return invalid("has more than 64 keys that sign");
    } else {
      keys.push_back(std::move(*key));
    }
  }
  if (keys.empty()) return invalid("has no key that signs: " + why);
  return keys;
}

Result<JwtKeys> parse_pem_keys(std::string_view text) {
  if (text.find("PRIVATE KEY-----") != std::string_view::npos)
    return invalid("holds a private key; the public one is enough to verify, and no secret");
  constexpr std::string_view kEnd = "-----END ";
  JwtKeys keys;
  while (text.find("-----BEGIN ") != std::string_view::npos) {
    const size_t end = text.find(kEnd);
    const size_t line = std::min(text.find('\n', end == text.npos ? text.size() : end), text.size());
    Result<JwtKey> key = JwtKey::of_pem(text.substr(0, line));
    if (!key) return key.error();
    if (keys.size() == kJwtKeysMax) return invalid("has more than 64 keys");
    keys.push_back(std::move(*key));
    text.remove_prefix(line);
  }
  return keys;
}

// So that what everybody may know is never taken for a secret: a key in another wrapping.
bool looks_like_a_key(std::string_view text) {
  // DER (an ASN.1 SEQUENCE) and its base64, JSON, a byte order mark, OpenSSH.
  constexpr std::array<std::string_view, 18> kBeginnings{
      "\x30\x82", "\x30\x81", "\x30\x59", "\x30\x76",     "\x30\x2a", "MII",    "MIG", "MFkw",  "MHYw",
      "MCow",     "{",        "[",        "\xef\xbb\xbf", "ssh-",     "ecdsa-", "sk-", "http:", "https:"};
  return text.find("-----BEGIN ") != text.npos ||
         std::any_of(kBeginnings.begin(), kBeginnings.end(),
                     [&](std::string_view beginning) { return text.starts_with(beginning); });
}

}  // namespace

Result<JwtKeys> parse_jwk_set(std::string_view text) { return read_jwk_set(text, false); }

Result<JwtKeys> parse_jwt_keys(std::string_view text) {
  if (text.find("-----BEGIN ") != std::string_view::npos) return parse_pem_keys(text);
  return read_jwk_set(text, true);
}

Result<JwtKeys> parse_jwt_secret(std::string_view text) {
  const size_t end = text.find_last_not_of("\r\n");
  text = text.substr(0, end == text.npos ? 0 : end + 1);
  if (looks_like_a_key(text))
    return invalid("looks like a key of another kind, which may be no secret: see jwt-key");
  Result<JwtKey> key = JwtKey::of_secret(std::string(text));
  if (!key) return key.error();
  return JwtKeys{std::move(*key)};
}

}  // namespace gw
