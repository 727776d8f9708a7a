#include "traffic_cop/jwt_sessions.h"

#include <algorithm>
#include <iterator>

#include "base/ids.h"
#include "base/random.h"
#include "base/user_id.h"
#include "json/json.h"

namespace gw {
namespace {

Error refused(std::string detail) { return {Errc::unauthenticated, "the JWT " + std::move(detail)}; }

SessionKey key_of(std::string_view token, const JwtClaims& claims) {
  return claims.token_id.empty() ? sha256("jwt text " + std::string(jwt_text(token)))
                                 : key_of_jwt(claims.issuer, claims.token_id);
}

std::string context_of(const Session& session, const JwtClaims& claims) {
  std::string out;
  json::Writer context(out);
  context.begin_object();
  const auto add = [&](std::string_view name, std::string_view value) {
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

void JwtSessions::reconfigure(JwtOptions options, JwtKeys keys) {
  options_ = std::move(options);
  fixed_ = std::move(keys);
  put_keys_together();
}

void JwtSessions::set_fetched(JwtKeys keys) {
  fetched_ = std::move(keys);
  put_keys_together();
}

void JwtSessions::put_keys_together() {
  keys_ = fixed_;
  keys_.insert(keys_.end(), fetched_.begin(), fetched_.end());
}

void JwtSessions::find(std::string_view token, WallTime now, Done<SessionPtr> done) {
  const auto claims = verify_jwt(token, keys_, options_, now);
  if (claims) return open(token, *claims, now, std::move(done));
  if (!claims.error().by_its_key || !refresh_) return done(claims.error().error);
  refresh_([this, token = std::string(token), now, done = std::move(done)](bool is_done) {
    const auto again = verify_jwt(token, keys_, options_, now);
    if (again) return open(token, *again, now, done);
    if (is_done) return done(again.error().error);
    // A newer key may have signed it: its client is told to come again, not that it is nobody's.
    done(Error{Errc::unavailable, "the keys of the issuer can't be fetched just now"});
  });
}

// A token on its way to its session: that and what is revoked are asked for at once. The store answers in
// order, and revocations last: who revoked it has seen the session, or is seen here.
struct JwtSessions::Opening {
  JwtClaims claims;
  Session fresh;
  Done<SessionPtr> done;
  std::optional<Result<SessionPtr>> session = {};
};

bool JwtSessions::is_of(std::string_view token, const Session& session, WallTime now) const {
  const auto claims = verify_jwt(token, keys_, options_, now);
  return claims && session.type == kJwtSessionType && session.key == key_of(token, *claims) &&
         session.user_id == claims->user_id && session.tenant_id == claims->tenant_id;
}

void JwtSessions::open(std::string_view token, const JwtClaims& claims, WallTime now, Done<SessionPtr> done) {
  const SessionKey key = key_of(token, claims);
  Result<Session> session = make(claims, key, now);
  if (!session) return done(session.error());
  const auto opening = std::make_shared<Opening>(Opening{claims, *std::move(session), std::move(done)});
  store_.insert(opening->fresh, [opening](Result<SessionPtr> stored) {
    if (stored || stored.error().code != Errc::already_exists) opening->session = std::move(stored);
  });
  store_.find(key, [opening](Result<SessionPtr> found) {
    if (!opening->session) opening->session = std::move(found);
  });
  revocations_.find(opening->claims,
                    [this, opening](const Result<RevokedUntil>& revoked) { settle(*opening, revoked); });
}

void JwtSessions::settle(const Opening& opening, const Result<RevokedUntil>& revoked) {
  // What can't be asked now is answered at once, before what has been asked.
  if (!revoked) return opening.done(revoked.error());
  if (!opening.session) return opening.done(Error{Errc::unavailable, "the session can't be asked for now"});
  const Result<SessionPtr>& found = *opening.session;
  if (!found) return opening.done(found);
  const Session& session = **found;
  // Two tokens of one name are one session, and must not be two users'.
  if (session.user_id != opening.fresh.user_id || session.tenant_id != opening.fresh.tenant_id)
    return opening.done(refused("has the name (jti) of another's"));
  const bool is_revoked = *revoked > WallTime() && opening.claims.issued_at <= *revoked;
  if (!is_revoked || session.status == SessionStatus::inactive) return opening.done(found);
  auto end = [](const Session& current) -> Result<Session> {
    Session ended = current;
    ended.status = SessionStatus::inactive;
    return ended;
  };
  store_.update(session.key, std::move(end), opening.done);
}

void JwtSessions::revoke(JwtRevocation revocation, std::optional<std::string> issuer, WallTime now,
                         Done<Revoked> done) {
  if (!issuer && options_.issuers.size() == 1) issuer = options_.issuers.front();
  if (!revocation.token_id.empty() && !issuer)
    return done(Error{Errc::invalid_argument,
                      "iss must be given (empty: the tokens have none), unless there is one jwt-issuer"});
  revocation.issuer = issuer.value_or("");
  revocations_.revoke(revocation, now, std::move(done));
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
  session.expires_at = claims.expires_at;
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
