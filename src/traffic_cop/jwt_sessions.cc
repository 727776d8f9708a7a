#include "traffic_cop/jwt_sessions.h"

#include <algorithm>
#include <iterator>

#include "base/ids.h"
#include "base/random.h"
#include "base/user_id.h"
#include "json/json.h"

namespace gw {
namespace {

constexpr std::chrono::hours kLifeMax{365 * 24};

Error refused(std::string detail) { return {Errc::unauthenticated, "the JWT " + std::move(detail)}; }

// Lengths first, so that no two pairs of names are one text.
SessionKey key_of_names(std::string_view issuer, std::string_view token_id) {
  return sha256("jwt " + std::to_string(issuer.size()) + " " + std::string(issuer) + std::string(token_id));
}

std::string context_of(const Session& session, const JwtClaims& claims) {
  std::string out;
  json::Writer context(out);
  context.begin_object();
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) context.member(name, value);
  };
  add("iss", claims.issuer);
  add("sub", claims.subject);
  add("jti", claims.token_id);
  add("tenant_id", session.tenant_id);
  if (claims.channels) {
    context.key("channels").begin_array();
    for (const std::string& channel : *claims.channels) context.value(channel);
    context.end_array();
  }
  context.end_object();
  return out;
}

}  // namespace

SessionKey JwtSessions::key_of(std::string_view token) {
  const auto [issuer, token_id] = jwt_names(token);
  return token_id.empty() ? sha256(token) : key_of_names(issuer, token_id);
}

void JwtSessions::set_fetched(JwtKeys keys) {
  keys_ = fixed_;
  std::move(keys.begin(), keys.end(), std::back_inserter(keys_));
  has_fetched_ = true;
}

bool JwtSessions::knows(std::string_view key_id) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const JwtKey& key) { return key.id() == key_id; });
}

void JwtSessions::find(std::string_view token, WallTime now, Done<SessionPtr> done) {
  const Result<JwtClaims> claims = verify_jwt(token, keys_, options_, now);
  const bool may_come = !claims && refresh_ && (!has_fetched_ || !knows(jwt_key_id(token)));
  if (!may_come) return open(token, claims, now, std::move(done));
  refresh_([this, token = std::string(token), now, done = std::move(done)] {
    const Result<JwtClaims> again = verify_jwt(token, keys_, options_, now);
    if (!again && !has_fetched_)
      return done(Error{Errc::unavailable, "the keys of the issuer have not been fetched yet"});
    open(token, again, now, done);
  });
}

void JwtSessions::open(std::string_view token, const Result<JwtClaims>& claims, WallTime now,
                       Done<SessionPtr> done) {
  if (!claims) return done(claims.error());
  const SessionKey key =
      claims->token_id.empty() ? sha256(token) : key_of_names(claims->issuer, claims->token_id);
  Result<Session> session = make(*claims, key, now);
  if (!session) return done(session.error());
  // Two tokens of one name are one session, and must not be two users'.
  auto same = [user_id = session->user_id, tenant_id = session->tenant_id,
               done = std::move(done)](Result<SessionPtr> found) {
    if (found && ((*found)->user_id != user_id || (*found)->tenant_id != tenant_id))
      return done(refused("has the name (jti) of another's"));
    done(std::move(found));
  };
  store_.find(key, [this, key, session = std::move(*session),
                    same = std::move(same)](Result<SessionPtr> found) mutable {
    if (found || found.error().code != Errc::not_found) return same(std::move(found));
    store_.insert(std::move(session), [this, key, same = std::move(same)](Result<SessionPtr> stored) mutable {
      if (stored || stored.error().code != Errc::already_exists) return same(std::move(stored));
      store_.find(key, std::move(same));  // another instance was first
    });
  });
}

Result<Session> JwtSessions::make(const JwtClaims& claims, const SessionKey& key, WallTime now) const {
  if (!is_valid_user_id(claims.user_id))
    return refused("names a user (" + options_.user_claim + ") that is not " + std::string(kUserIdForm));
  if (!claims.tenant_id.empty() && !is_valid_name(claims.tenant_id))
    return refused("names a tenant (" + options_.tenant_claim +
                   ") that does not match [A-Za-z0-9._@+=-]{1,128}");
  Session session;
  session.key = key;
  session.ref = secure_random_hex(16);
  session.user_id = claims.user_id;
  session.type = kJwtSessionType;
  session.tenant_id = claims.tenant_id;
  session.created_at = now;
  session.expires_at = std::min<WallTime>(claims.expires_at, now + kLifeMax);
  if (claims.channels) {
    session.channels = ChannelSet();
    // An issuer may have channels of other gateways in mind.
    for (const std::string& name : *claims.channels)
      if (const auto channel = channels_.find(name)) session.channels.add(*channel);
  }
  session.context_json = context_of(session, claims);
  return session;
}

}  // namespace gw
