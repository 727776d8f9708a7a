// Traffic Cop owns sessions: who may come in, until when. The verbs behind its HTTP API and the handshake.
// Control loop only. `tenant` narrows a verb to sessions of that tenant (empty: any): another tenant's
// session is not_found, as if it were not there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/done.h"
#include "core/session_store.h"
#include "traffic_cop/jwt_sessions.h"

namespace gw {

struct NewSession {
  std::optional<std::string> session_id = {};  // made when absent
  std::string user_id = {};
  std::string type = "web";
  std::string context_json = "{}";  // an object
  std::chrono::seconds ttl{3600};
};

struct SessionChange {
  std::optional<std::string> context_json = {};
  std::optional<SessionStatus> status = {};      // active or suspended; inactive ends it
  std::optional<std::chrono::seconds> ttl = {};  // from now
};

struct CreatedSession {
  std::string session_id;  // the one time it is told
  SessionPtr session;
};

class TrafficCop {
 public:
  static constexpr std::chrono::seconds kTtlMax{365 * 24 * 3600};
  // A session may be named by this and its public reference, instead of its id. No id begins so.
  static constexpr std::string_view kByRef = "ref:";

  // The first two outlive it. Without `jwt` a JWT is nobody's token.
  TrafficCop(SessionStore& store, const ChannelTable& channels, WallClock now,
             std::optional<JwtTrust> jwt = {})
      : store_(store), channels_(channels), now_(std::move(now)) {
    if (jwt) jwt_.emplace(store, channels, *std::move(jwt));
  }
  // Null: it takes none.
  JwtSessions* jwt() { return jwt_ ? &*jwt_ : nullptr; }

  // invalid_argument names the field at fault; already_exists; permission_denied: context.tenant_id is not
  // `tenant`.
  void create(NewSession request, std::string_view tenant, Done<CreatedSession> done);
  void get(std::string_view session_id, std::string_view tenant, Done<SessionPtr> done);
  void list(const SessionFilter& filter, Done<SessionPage> done) { store_.list(filter, std::move(done)); }
  // failed_precondition when the session has ended: a new one is needed then.
  void update(std::string_view session_id, SessionChange change, std::string_view tenant,
              Done<SessionPtr> done);
  // Ends it (inactive); its connections close with 4003. An ended session stays as it is.
  void end(std::string_view session_id, std::string_view tenant, Done<SessionPtr> done);

  // Of JWTs, at once and everywhere. failed_precondition: none are taken; permission_denied: it is said for
  // another tenant than `tenant`.
  void revoke(JwtRevocation revocation, std::optional<std::string> issuer, std::string_view tenant,
              Done<Revoked> done);

  // Who shows this token, the id of a session or a JWT? unauthenticated unless the session is active now.
  void validate(std::string_view token, Done<SessionPtr> done);
  // Whether this is a token of that session, which was found so a moment ago; nothing is asked.
  bool is_of(std::string_view token, const Session& session) const;

 private:
  // The key of the session that is named: by its id, its reference, or a JWT that would be let in.
  void resolve(std::string_view session_id, Done<SessionKey> done);
  // Reads tenant_id and channels out of the context.
  Result<void> apply_context(Session& session, std::string context_json) const;
  Result<Session> apply(const Session& current, const SessionChange& change) const;

  SessionStore& store_;
  const ChannelTable& channels_;
  const WallClock now_;
  std::optional<JwtSessions> jwt_;
};

}  // namespace gw
