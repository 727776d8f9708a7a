// JSON Web Tokens that say who a client is (RFC 7519, signed as RFC 7515 has it; what can go wrong with them:
// RFC 8725). Pure: keys and time are arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "traffic_cop/jwt_keys.h"

namespace gw {

struct JwtOptions {
  std::vector<std::string> issuers = {};    // one of them has to be `iss`; empty: any
  std::vector<std::string> audiences = {};  // one of them has to be in `aud`; empty: any
  Duration leeway = 30s;                    // by which clocks may differ
  std::string user_claim = "sub";
  std::string tenant_claim = "tenant_id";
  std::string channels_claim = "channels";
};

struct JwtClaims {
  std::string user_id;  // as the claim has it: not looked at
  std::string tenant_id = {};
  std::optional<std::vector<std::string>> channels = {};  // absent: the claim is
  std::string issuer = {}, subject = {}, token_id = {};   // iss, sub, jti; empty: absent
  WallTime issued_at;                                     // iat; absent: the epoch
  WallTime expires_at;                                    // exp, without leeway
};

// Looks like one, and like no id of a session: three parts, of which the first is a JSON object in base64url.
bool is_jwt(std::string_view token);

// unauthenticated, with what is wrong and nothing of the token. `exp` is required. A header with `crit`, a
// token of another kind (typ) or a claim of another type than RFC 7519 gives it are refused.
// With a `kid` the keys of that id are tried, and those without one; without it, all.
Result<JwtClaims> verify_jwt(std::string_view token, const JwtKeys& keys, const JwtOptions& options,
                             WallTime now);
// The `kid` of its header, and what its claims call it: nobody has vouched for either. Empty: none.
std::string jwt_key_id(std::string_view token);
struct JwtNames {
  std::string issuer, token_id;
};
JwtNames jwt_names(std::string_view token);

}  // namespace gw
