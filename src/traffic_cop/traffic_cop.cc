#include "traffic_cop/traffic_cop.h"

#include "base/digest.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/user_id.h"
#include "core/grant.h"
#include "json/json.h"

namespace gw {
namespace {

constexpr size_t kContextBytesMax = 16 * 1024;
// Of an id that a caller chooses: it is a secret, and shorter ones are guessed.
constexpr size_t kChosenIdBytesMin = 16;

Error no_such_session() { return {Errc::not_found, "no such session"}; }

Error invalid(std::string detail) { return {Errc::invalid_argument, std::move(detail)}; }

Result<WallTime> expiry(std::chrono::seconds ttl, WallTime now) {
  if (ttl < std::chrono::seconds(1) || ttl > TrafficCop::kTtlMax) {
    return invalid("ttl_seconds must be a whole number from 1 to " +
                   std::to_string(TrafficCop::kTtlMax.count()));
  }
  return now + ttl;
}

void inactivate(Session& session, WallTime now) {
  session.status = SessionStatus::inactive;
  // Of a JWT something has to remember that it counts no more.
  if (session.type != kJwtSessionType) session.expires_at = std::min(session.expires_at, now);
}

}  // namespace

void TrafficCop::create(NewSession request, std::string_view tenant, Done<CreatedSession> done) {
  const std::string id = request.session_id ? std::move(*request.session_id) : secure_random_hex(16);
  if (!is_valid_name(id) || id.size() < kChosenIdBytesMin)
    return done(invalid("session_id must match [A-Za-z0-9._@+=-]{16,128}"));
  if (!is_valid_user_id(request.user_id)) return done(invalid("user_id must be " + std::string(kUserIdForm)));
  if (request.type == kJwtSessionType) return done(invalid("session_type jwt is for sessions of JWTs"));
  if (!is_valid_name(request.type)) return done(invalid("session_type must match [A-Za-z0-9._@+=-]{1,128}"));
  const WallTime now = now_();
  const Result<WallTime> expires_at = expiry(request.ttl, now);
  if (!expires_at) return done(expires_at.error());

  Session session;
  session.key = sha256(id);
  session.ref = secure_random_hex(16);
  session.user_id = std::move(request.user_id);
  session.type = std::move(request.type);
  session.created_at = now;
  session.expires_at = *expires_at;
  if (const Result<void> applied = apply_context(session, std::move(request.context_json)); !applied) {
    return done(applied.error());
  }
  // A tenant's key makes that tenant's sessions; saying so in the context is optional.
  if (session.tenant_id.empty()) session.tenant_id = tenant;
  if (!is_visible_to(tenant, session.tenant_id)) {
    return done(Error{Errc::permission_denied, "context.tenant_id is not the tenant of this key"});
  }
  store_.insert(std::move(session), [id, done = std::move(done)](Result<SessionPtr> stored) {
    if (!stored) return done(stored.error());
    done(CreatedSession{id, *stored});
  });
}

void TrafficCop::resolve(std::string_view session_id, Done<SessionKey> done) {
  if (jwt_ && is_jwt(session_id)) {
    return jwt_->find(session_id, now_(), [done = std::move(done)](const Result<SessionPtr>& found) {
      if (found) return done((*found)->key);
      done(found.error().code == Errc::unauthenticated ? no_such_session() : found.error());
    });
  }
  if (!session_id.starts_with(kByRef)) {
    if (!is_valid_name(session_id)) return done(invalid("a session id must match [A-Za-z0-9._@+=-]{1,128}"));
    return done(sha256(session_id));
  }
  const std::string_view ref = session_id.substr(kByRef.size());
  if (!is_valid_name(ref)) return done(invalid("what follows ref: must match [A-Za-z0-9._@+=-]{1,128}"));
  store_.find_key(ref, std::move(done));
}

void TrafficCop::get(std::string_view session_id, std::string_view tenant, Done<SessionPtr> done) {
  resolve(session_id, [this, tenant = std::string(tenant), done = std::move(done)](Result<SessionKey> key) {
    if (!key) return done(key.error());
    store_.find(*key, [tenant, done](Result<SessionPtr> found) {
      if (found && !is_visible_to(tenant, (**found).tenant_id)) return done(no_such_session());
      done(std::move(found));
    });
  });
}

void TrafficCop::update(std::string_view session_id, SessionChange change, std::string_view tenant,
                        Done<SessionPtr> done) {
  auto edit = [this, change = std::move(change),
               tenant = std::string(tenant)](const Session& current) -> Result<Session> {
    if (!is_visible_to(tenant, current.tenant_id)) return no_such_session();
    Result<Session> changed = apply(current, change);
    if (changed && !is_visible_to(tenant, changed->tenant_id)) {
      return Error{Errc::permission_denied, "context.tenant_id is not the tenant of this key"};
    }
    return changed;
  };
  resolve(session_id, [this, edit = std::move(edit), done = std::move(done)](Result<SessionKey> key) {
    if (!key) return done(key.error());
    store_.update(*key, edit, done);
  });
}

void TrafficCop::end(std::string_view session_id, std::string_view tenant, Done<SessionPtr> done) {
  auto edit = [this, tenant = std::string(tenant)](const Session& current) -> Result<Session> {
    if (!is_visible_to(tenant, current.tenant_id)) return no_such_session();
    Session ended = current;
    inactivate(ended, now_());
    return ended;
  };
  resolve(session_id, [this, edit = std::move(edit), done = std::move(done)](Result<SessionKey> key) {
    if (!key) return done(key.error());
    store_.update(*key, edit, done);
  });
}

void TrafficCop::revoke(JwtRevocation revocation, std::optional<std::string> issuer, std::string_view tenant,
                        Done<Revoked> done) {
  if (!jwt_) return done(Error{Errc::failed_precondition, "this gateway takes no JWTs (jwt-key)"});
  if (revocation.tenant_id.empty()) revocation.tenant_id = tenant;
  if (!is_visible_to(tenant, revocation.tenant_id))
    return done(Error{Errc::permission_denied, "tenant_id is not the tenant of this key"});
  jwt_->revoke(std::move(revocation), std::move(issuer), now_(), std::move(done));
}

void TrafficCop::validate(std::string_view token, Done<SessionPtr> done) {
  auto active = [this, done = std::move(done)](Result<SessionPtr> found) {
    if (!found && found.error().code != Errc::not_found) return done(found.error());
    if (!found || (*found)->status_at(now_()) != SessionStatus::active) {
      return done(Error{Errc::unauthenticated, "not an active session"});
    }
    done(std::move(found));
  };
  if (jwt_ && is_jwt(token)) return jwt_->find(token, now_(), std::move(active));
  if (!is_valid_name(token)) return active(no_such_session());
  store_.find(sha256(token), std::move(active));
}

bool TrafficCop::is_of(std::string_view token, const Session& session) const {
  if (jwt_ && is_jwt(token)) return jwt_->is_of(token, session, now_());
  return is_valid_name(token) && equal_constant_time(sha256(token), session.key);
}

Result<void> TrafficCop::apply_context(Session& session, std::string context_json) const {
  if (context_json.size() > kContextBytesMax) return invalid("context must not be larger than 16 KiB");
  const auto context = json::parse_object(context_json);
  if (!context) return invalid("context must be a JSON object");
  session.tenant_id = {};
  session.channels = ChannelSet::all();
  if (const json::Value* tenant = context->find("tenant_id"); tenant && !tenant->is_null()) {
    const auto name = json::as_string(*tenant);
    if (!name || !is_valid_name(*name))
      return invalid("context.tenant_id must match [A-Za-z0-9._@+=-]{1,128}");
    session.tenant_id = *name;
  }
  if (const json::Value* channels = context->find("channels"); channels && !channels->is_null()) {
    if (!channels->is_array()) return invalid("context.channels must be a list of channel names");
    session.channels = ChannelSet();
    for (const json::Value& item : json::elements(*channels)) {
      const auto name = json::as_string(item);
      const auto channel = name ? channels_.find(*name) : std::nullopt;
      if (!channel) return invalid("context.channels names a channel that is not configured");
      session.channels.add(*channel);
    }
  }
  session.context_json = std::move(context_json);
  return {};
}

Result<Session> TrafficCop::apply(const Session& current, const SessionChange& change) const {
  const WallTime now = now_();
  const SessionStatus status = current.status_at(now);
  if (status == SessionStatus::inactive || status == SessionStatus::expired) {
    return Error{Errc::failed_precondition,
                 "the session is " + std::string(to_string(status)) + "; make a new one"};
  }
  Session changed = current;
  if (change.context_json) {
    if (const Result<void> applied = apply_context(changed, *change.context_json); !applied)
      return applied.error();
    // Who a connection belongs to is fixed while it lives.
    if (changed.tenant_id.empty()) changed.tenant_id = current.tenant_id;
    if (changed.tenant_id != current.tenant_id)
      return invalid("context.tenant_id can't be changed; make a new session");
  }
  if (change.ttl && current.type == kJwtSessionType)
    return Error{Errc::failed_precondition, "the session of a JWT ends with it (exp)"};
  if (change.ttl) {
    const Result<WallTime> expires_at = expiry(*change.ttl, now);
    if (!expires_at) return expires_at.error();
    changed.expires_at = *expires_at;
  }
  if (change.status) {
    if (*change.status == SessionStatus::expired)
      return invalid("status must be active, suspended or inactive");
    changed.status = *change.status;
    if (*change.status == SessionStatus::inactive) inactivate(changed, now);
  }
  return changed;
}

}  // namespace gw
