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

struct JwtTrust {
  JwtOptions options;
  JwtKeys keys;  // such as stay
};

class JwtSessions {
 public:
  // Gets the issuer's keys anew (set_fetched), and says when that has been tried.
  using Refresh = std::function<void(std::function<void()> done)>;

  // The first two outlive it.
  JwtSessions(SessionStore& store, const ChannelTable& channels, JwtTrust trust)
      : store_(store),
        channels_(channels),
        options_(std::move(trust.options)),
        fixed_(std::move(trust.keys)),
        keys_(fixed_) {}

  // There are keys beside those that stay: `refresh` is called for a token whose `kid` is not known.
  void fetch_with(Refresh refresh) { refresh_ = std::move(refresh); }
  // In place of those before.
  void set_fetched(JwtKeys keys);

  // unauthenticated, with what is wrong with the token; unavailable: the issuer's keys have never been
  // fetched; else as SessionStore has it. The session is given as it is, active or not.
  void find(std::string_view token, WallTime now, Done<SessionPtr> done);
  // Without looking at its signature: for the API, whose callers may do what they like to any session.
  static SessionKey key_of(std::string_view token);

 private:
  bool knows(std::string_view key_id) const;
  void open(std::string_view token, const Result<JwtClaims>& claims, WallTime now, Done<SessionPtr> done);
  Result<Session> make(const JwtClaims& claims, const SessionKey& key, WallTime now) const;

  SessionStore& store_;
  const ChannelTable& channels_;
  const JwtOptions options_;
  const JwtKeys fixed_;
  JwtKeys keys_;     // fixed_, and what was fetched
  Refresh refresh_;  // empty: nothing is
  bool has_fetched_ = false;
};

}  // namespace gw
