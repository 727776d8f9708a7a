// Sessions of clients whose token is a JWT. The first time that one is shown it becomes a session in the
// store, under what names it (`iss` and `jti`, else the token itself), until `exp`. So everything that can be
// done to a session that the API made can be done to it, on every instance: look at it, suspend it, end it.
// Control loop only.
#pragma once

#include <string_view>

#include "core/session_store.h"
#include "traffic_cop/jwt.h"

namespace gw {

// What Session::type is then. Who has ended one of these must stay out for as long as the token would let him
// in: it is kept until `exp`.
inline constexpr std::string_view kJwtSessionType = "jwt";

class JwtSessions {
 public:
  // The first two outlive it.
  JwtSessions(SessionStore& store, const ChannelTable& channels, JwtOptions options, JwtKeys keys)
      : store_(store), channels_(channels), options_(std::move(options)), keys_(std::move(keys)) {}

  // unauthenticated, with what is wrong with the token; else as SessionStore has it. The session is given as
  // it is, active or not.
  void find(std::string_view token, WallTime now, Done<SessionPtr> done);
  // Without looking at its signature: for the API, whose callers may do what they like to any session.
  static SessionKey key_of(std::string_view token);

 private:
  Result<Session> make(const JwtClaims& claims, const SessionKey& key, WallTime now) const;

  SessionStore& store_;
  const ChannelTable& channels_;
  const JwtOptions options_;
  const JwtKeys keys_;
};

}  // namespace gw
