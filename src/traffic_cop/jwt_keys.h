// Keys that sign JSON Web Tokens: out of a PEM file, a JWK Set (RFC 7517) or a file with a shared secret. A
// key is of one kind, and verifies the algorithms of that kind alone (RFC 8725 3.1): what a token says of its
// algorithm never decides how a key is used. Immutable once made; any thread may verify.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct evp_pkey_st;

namespace gw {

// RFC 7518 3.1 and RFC 8037 3.1: HS256 HS384 HS512, RS…, PS…, ES256 ES384 ES512, EdDSA. "none" is no
// algorithm.
struct JwtAlgorithm;
// Null: not one of them.
const JwtAlgorithm* find_jwt_algorithm(std::string_view name);

class JwtKey {
 public:
  // Of at least 32 bytes, and it verifies the HS algorithms whose digest is not longer (RFC 7518 3.2).
  static Result<JwtKey> of_secret(std::string secret);
  // A PUBLIC KEY or a CERTIFICATE: RSA of 2048 bits or more, P-256, P-384, P-521, Ed25519.
  static Result<JwtKey> of_pem(std::string_view pem);

  bool verifies(const JwtAlgorithm& algorithm) const;
  bool verify(const JwtAlgorithm& algorithm, std::string_view text, std::string_view signature) const;
  // Empty: it has none, and may have signed a token of any.
  const std::string& id() const { return id_; }

 private:
  friend class JwkReader;
  static Result<JwtKey> of_public_key(std::shared_ptr<evp_pkey_st> key);

  std::string secret_;                // of an HMAC
  std::shared_ptr<evp_pkey_st> key_;  // else
  std::string id_;
  const JwtAlgorithm* only_ = nullptr;  // the one that its JWK names
};

using JwtKeys = std::vector<JwtKey>;

inline constexpr size_t kJwtKeysMax = 64;

// What of a JWK Set that anybody may read signs: keys for encryption, of kinds or algorithms that are not
// known here, secrets and private ones are passed over (RFC 7517 5). invalid_argument: it is no JWK Set, or
// nothing of it is left.
Result<JwtKeys> parse_jwk_set(std::string_view text);
// A file: PEM (one key or more), or a JWK Set, which may hold secrets where nobody else reads it.
Result<JwtKeys> parse_jwt_keys(std::string_view text);
// A file with a secret, without the line's end behind it. It is none when it looks like a key of another
// kind.
Result<JwtKeys> parse_jwt_secret(std::string_view text);

}  // namespace gw
