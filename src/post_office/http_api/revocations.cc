// POST /api/traffic-cop/revocations: JWTs that count no more.
#include "post_office/fields.h"
#include "post_office/http_api/audit.h"
#include "post_office/http_api/sessions.h"

namespace gw::http_api {
namespace {

void revoke(const Sessions& sessions, ApiRequest call) {
  BodyFields fields(call.request.body);
  const std::optional<std::string> token_id = fields.optional_text("jti");
  const std::optional<std::string> issuer = fields.optional_text("iss");
  const std::optional<std::string> user_id = fields.optional_user_id("sub");
  const std::optional<std::string> tenant_id = fields.optional_name("tenant_id");
  fields.refuse_repeated();
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  if (fields.count({"jti", "sub"}) != 1 || (token_id && token_id->empty()))
    return refuse(call.responder, {Errc::invalid_argument, "give jti or sub"});
  if (user_id && issuer)
    return refuse(call.responder,
                  {Errc::invalid_argument, "iss goes with jti: a sub is the same for all issuers"});
  JwtRevocation revocation;
  revocation.token_id = token_id.value_or("");
  revocation.user_id = user_id.value_or("");
  revocation.tenant_id = tenant_id.value_or("");
  Audit audit(call, "jwt.revoke", user_id ? "user:" + *user_id : "jti:" + *token_id);
  sessions.traffic_cop.revoke(
      std::move(revocation), issuer, call.key->tenant_id,
      [audit, responder = call.responder](const Result<Revoked>& revoked) mutable {
        if (!revoked) audit.failed(revoked.error());
        if (!revoked) return refuse(responder, revoked.error());
        audit.done();
        succeed(responder, [&](json::Writer& body) {
          body.member("sessions_ended", revoked->sessions).member("kept_until", iso8601(revoked->kept_until));
        });
      });
}

}  // namespace

void add_revocation_routes(Routes& routes, const Sessions& sessions) {
  routes.add("POST", "/api/traffic-cop/revocations", scope(Scope::sessions),
             [&sessions](ApiRequest call) { revoke(sessions, std::move(call)); });
}

}  // namespace gw::http_api
