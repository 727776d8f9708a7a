// JWTs that count no more, though their time is not over: one by what it is called, or all that a user was
// given until now. Control loop only.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/revocation_store.h"
#include "core/session_store.h"
#include "traffic_cop/jwt.h"

namespace gw {

struct JwtRevocation {
  std::string issuer = {}, token_id = {};  // iss and jti of one; or
  std::string user_id = {};                // all of a user
  std::string tenant_id = {};              // of that tenant alone; empty: of any, and of none
};

struct Revoked {
  size_t sessions = 0;  // that were ended
  WallTime kept_until;  // when nobody needs to remember any more
};

// Under which a token with a name becomes a session.
SessionKey key_of_jwt(std::string_view issuer, std::string_view token_id);

class JwtRevocations {
 public:
  // All outlive it; the options may change.
  JwtRevocations(SessionStore& sessions, RevocationStore& store, const JwtOptions& options)
      : sessions_(sessions), store_(store), options_(options) {}

  // Its sessions end, and it opens none any more: whoever opens one at this moment has it stored first and
  // asks then. resource_exhausted: there are too many.
  void revoke(const JwtRevocation& revocation, WallTime now, Done<Revoked> done);
  // Until when tokens were issued that count no more, of those that are called as this one, or are its
  // user's.
  void find(const JwtClaims& claims, Done<RevokedUntil> done);

 private:
  void end_one(const JwtRevocation& revocation, Done<size_t> done);
  // The page that `filter` names, and all behind it; so many were ended before.
  void end_all(const SessionFilter& filter, size_t before, Done<size_t> done);
  void end_page(std::vector<SessionKey> keys, const std::string& tenant, Done<size_t> done);

  SessionStore& sessions_;
  RevocationStore& store_;
  const JwtOptions& options_;
};

}  // namespace gw
