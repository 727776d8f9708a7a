// Sessions of clients whose token is a JWT. The first time that one is shown it becomes a session in the
// store, under what names it (`iss` and `jti`, else the token itself), until `exp`. So everything that can be
// done to a session that the API made can be done to it, on every instance: look at it, suspend it, end it.
// Control loop only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/session_store.h"
#include "traffic_cop/jwt.h"
#include "traffic_cop/jwt_revocations.h"

namespace gw {

// What Session::type is then. Who has ended one of these must stay out for as long as the token would let him
// in: it is kept until `exp`.
inline constexpr std::string_view kJwtSessionType = "jwt";

struct JwtTrust {
  JwtOptions options;
  JwtKeys keys;  // such as stay
  RevocationStore& revocations;
};

class JwtSessions {
 public:
  // Gets the issuer's keys anew (set_fetched), and says whether that was done.
  using Refresh = std::function<void(std::function<void(bool is_done)> done)>;

  // The first two outlive it.
  JwtSessions(SessionStore& store, const ChannelTable& channels, JwtTrust trust)
      : store_(store),
        channels_(channels),
        options_(std::move(trust.options)),
        fixed_(std::move(trust.keys)),
        keys_(fixed_),
        revocations_(store, trust.revocations, options_) {}

  // From now on; sessions that were opened before stay.
  void reconfigure(JwtOptions options, JwtKeys keys);
  // There are keys beside those that stay: `refresh` is called for a token that no known key has signed.
  void fetch_with(Refresh refresh) { refresh_ = std::move(refresh); }
  // In place of those before.
  void set_fetched(JwtKeys keys);

  // Opens its session, or finds it, active or not. unauthenticated, with what is wrong with the token;
  // unavailable: nobody can say, since the issuer's keys could not be fetched just now; else as SessionStore
  // has it.
  void find(std::string_view token, WallTime now, Done<SessionPtr> done);

  // Whether it is a token of that session, signed by a key that is known; nothing is asked.
  bool is_of(std::string_view token, const Session& session, WallTime now) const;

  // As JwtRevocations has it. invalid_argument: whose token it is has to be said, since there is not the one
  // issuer.
  void revoke(JwtRevocation revocation, std::optional<std::string> issuer, WallTime now, Done<Revoked> done);

 private:
  struct Opening;
  void open(std::string_view token, const JwtClaims& claims, WallTime now, Done<SessionPtr> done);
  void settle(const Opening& opening, const Result<RevokedUntil>& revoked);
  Result<Session> make(const JwtClaims& claims, const SessionKey& key, WallTime now) const;

  void put_keys_together();

  SessionStore& store_;
  const ChannelTable& channels_;
  JwtOptions options_;
  JwtKeys fixed_, fetched_;
  JwtKeys keys_;     // both
  Refresh refresh_;  // empty: nothing is fetched
  JwtRevocations revocations_;
};

}  // namespace gw
