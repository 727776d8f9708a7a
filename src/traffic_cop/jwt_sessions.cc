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

void JwtSessions::reconfigure(JwtTrust trust) {
  options_ = std::move(trust.options);
  fixed_ = std::move(trust.keys);
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

void JwtSessions::open(std::string_view token, const JwtClaims& claims, WallTime now, Done<SessionPtr> done) {
  const SessionKey key = claims.token_id.empty() ? sha256("jwt text " + std::string(jwt_text(token)))
                                                 : key_of_names(claims.issuer, claims.token_id);
  Result<Session> session = make(claims, key, now);
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
