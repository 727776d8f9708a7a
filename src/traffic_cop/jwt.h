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
  Duration life_max = 366 * 24h;            // from iat, or now, to exp: as long what is revoked is remembered
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

struct JwtRefusal {
  Error error;              // unauthenticated, with what is wrong and nothing of the token
  bool by_its_key = false;  // nothing but its signature is against it: other keys may take it
};
[[noreturn]] void throw_exception_from_error(const JwtRefusal& refusal, const boost::source_location& where);

// `exp` is required. A header with `crit`, a token of another kind (typ) or a claim of another type than
// RFC 7519 gives it are refused, and so is a name of ours that stands twice. What its claims say is looked at
// first, since that costs least, and believed last.
// With a `kid` the keys of that id are tried, and those without one; without it, the first kJwtKeysTried that
// fit.
inline constexpr int kJwtKeysTried = 8;
boost::system::result<JwtClaims, JwtRefusal> verify_jwt(std::string_view token, const JwtKeys& keys,
                                                        const JwtOptions& options, WallTime now);
// What of it is signed: two signatures of one text are one token. `token` is one (is_jwt).
std::string_view jwt_text(std::string_view token);

}  // namespace gw
