#include "post_office/http_api/sessions.h"

#include "post_office/fields.h"
#include "post_office/http_api/records.h"

namespace gw::http_api {
namespace {

http::Response session_response(std::string_view session_id, const Session& session) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object().member("success", true).member("session_id", session_id);
  append_session(writer, session, wall_now());
  writer.end_object();
  return http::Response::json(200, std::move(body));
}

}  // namespace

void SessionsApi::create(ApiRequest call) {
  BodyFields fields(call.request.body);
  NewSession session;
  session.session_id = fields.optional_text("session_id");
  session.user_id = fields.text("user_id");
  session.type = fields.optional_text("session_type").value_or(session.type);
  session.context_json = fields.optional_object("context").value_or(session.context_json);
  session.ttl = fields.optional_seconds("ttl_seconds").value_or(session.ttl);
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  traffic_cop_.create(std::move(session), call.key->tenant_id,
                      [responder = call.responder](Result<CreatedSession> created) mutable {
                        if (!created) return refuse(responder, created.error());
                        std::string body;
                        json::Writer(body)
                            .begin_object()
                            .member("success", true)
                            .member("session_id", created->session_id)
                            .member("status", to_string(created->session->status))
                            .member("expires_at", iso8601(created->session->expires_at))
                            .end_object();
                        responder.send(http::Response::json(201, std::move(body)));
                      });
}

template <class Then>
void SessionsApi::with_session(ApiRequest call, Then then) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  traffic_cop_.get(
      *id, call.key->tenant_id,
      [id = *id, responder = call.responder, then = std::move(then)](Result<SessionPtr> found) mutable {
        if (!found) return refuse(responder, found.error());
        then(id, *found, responder);
      });
}

void SessionsApi::get(ApiRequest call) {
  with_session(std::move(call),
               [](const std::string& id, const SessionPtr& session, http::Responder& responder) {
                 responder.send(session_response(id, *session));
               });
}

void SessionsApi::validate(ApiRequest call) {
  with_session(std::move(call),
               [](const std::string&, const SessionPtr& session, http::Responder& responder) {
                 const SessionStatus status = session->status_at(wall_now());
                 std::string body;
                 json::Writer(body)
                     .begin_object()
                     .member("success", true)
                     .member("valid", status == SessionStatus::active)
                     .member("status", to_string(status))
                     .member("user_id", session->user_id)
                     .end_object();
                 responder.send(http::Response::json(200, std::move(body)));
               });
}

void SessionsApi::connections(ApiRequest call) {
  const std::string tenant = call.key->tenant_id;
  with_session(std::move(call),
               [this, tenant](const std::string&, const SessionPtr& session, http::Responder& responder) {
                 post_office_.connections(
                     BySession{session->ref}, tenant,
                     [session, responder](Result<std::vector<ConnectionRecord>> found) mutable {
                       if (!found) return refuse(responder, found.error());
                       std::string body;
                       json::Writer writer(body);
                       writer.begin_object().member("success", true).member("session_ref", session->ref);
                       append_connection_ids(writer, *found);
                       writer.end_object();
                       responder.send(http::Response::json(200, std::move(body)));
                     });
               });
}

void SessionsApi::update(ApiRequest call) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  BodyFields fields(call.request.body);
  SessionChange change;
  change.context_json = fields.optional_object("context");
  change.ttl = fields.optional_seconds("ttl_seconds");
  const std::optional<std::string> status = fields.optional_text("status");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  if (status) {
    change.status = parse_session_status(*status);
    if (!change.status) {
      return refuse(call.responder, {Errc::invalid_argument, "status must be active, suspended or inactive"});
    }
  }
  traffic_cop_.update(*id, std::move(change), call.key->tenant_id,
                      [id = *id, responder = call.responder](Result<SessionPtr> updated) mutable {
                        if (!updated) return refuse(responder, updated.error());
                        responder.send(session_response(id, **updated));
                      });
}

void SessionsApi::end(ApiRequest call) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  traffic_cop_.end(*id, call.key->tenant_id, [responder = call.responder](Result<SessionPtr> ended) mutable {
    if (!ended) return refuse(responder, ended.error());
    responder.send(http::Response::json(200, R"({"success":true,"status":"inactive"})"));
  });
}

}  // namespace gw::http_api
