#include "post_office/http_api/sessions.h"

#include "post_office/fields.h"
#include "post_office/http_api/audit.h"
#include "post_office/http_api/lists.h"
#include "post_office/http_api/records.h"

namespace gw::http_api {
namespace {

void show(http::Responder& responder, std::string_view session_id, const Session& session, WallTime now) {
  succeed(responder, [&](json::Writer& body) {
    // Who names it by its public reference does not learn the id.
    if (!session_id.starts_with(TrafficCop::kByRef)) body.member("session_id", session_id);
    append_session(body, session, now);
  });
}

// Hands the session named in the path to `then`, or refuses the call.
template <class Then>
void with_session(const Sessions& sessions, const ApiRequest& call, Then then) {
  const Result<std::string> id = path_parameter(call.request, "id");
  http::Responder responder = call.responder;
  if (!id) return refuse(responder, id.error());
  sessions.traffic_cop.get(*id, call.key->tenant_id,
                           [id = *id, responder, then = std::move(then)](Result<SessionPtr> found) mutable {
                             if (!found) return refuse(responder, found.error());
                             then(id, *found, responder);
                           });
}

void list(const Sessions& sessions, ApiRequest call) {
  Result<SessionFilter> filter = read_session_filter(call);
  if (!filter) return refuse(call.responder, filter.error());
  sessions.traffic_cop.list(*filter,
                            [&sessions, responder = call.responder](Result<SessionPage> page) mutable {
                              if (!page) return refuse(responder, page.error());
                              succeed(responder, [&](json::Writer& body) {
                                body.key("sessions").begin_array();
                                for (const SessionPtr& session : page->sessions) {
                                  body.begin_object();
                                  append_session_head(body, *session, sessions.loop.wall_now());
                                  body.end_object();
                                }
                                body.end_array();
                                append_after(body, page->after);
                              });
                            });
}

void create(const Sessions& sessions, ApiRequest call) {
  BodyFields fields(call.request.body);
  NewSession session;
  session.session_id = fields.optional_text("session_id");
  session.user_id = fields.text("user_id");
  session.type = fields.optional_text("session_type").value_or(session.type);
  session.context_json = fields.optional_object("context").value_or(session.context_json);
  session.ttl = fields.optional_seconds("ttl_seconds").value_or(session.ttl);
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  Audit audit(call, "session.create", "user:" + session.user_id);
  sessions.traffic_cop.create(std::move(session), call.key->tenant_id,
                              [audit, responder = call.responder](Result<CreatedSession> created) mutable {
                                if (!created) audit.failed(created.error());
                                if (!created) return refuse(responder, created.error());
                                audit.done(session_name(*created->session));
                                succeed(
                                    responder,
                                    [&](json::Writer& body) {
                                      body.member("session_id", created->session_id)
                                          .member("status", to_string(created->session->status))
                                          .member("expires_at", iso8601(created->session->expires_at));
                                    },
                                    201);
                              });
}

void get(const Sessions& sessions, ApiRequest call) {
  with_session(sessions, call,
               [&sessions](const std::string& id, const SessionPtr& session, http::Responder& responder) {
                 show(responder, id, *session, sessions.loop.wall_now());
               });
}

void validate(const Sessions& sessions, ApiRequest call) {
  with_session(sessions, call,
               [&sessions](const std::string&, const SessionPtr& session, http::Responder& responder) {
                 const SessionStatus status = session->status_at(sessions.loop.wall_now());
                 succeed(responder, [&](json::Writer& body) {
                   body.member("valid", status == SessionStatus::active)
                       .member("status", to_string(status))
                       .member("user_id", session->user_id.view());
                 });
               });
}

void connections(const Sessions& sessions, ApiRequest call) {
  with_session(sessions, call,
               [&sessions, tenant = call.key->tenant_id](const std::string&, const SessionPtr& session,
                                                         http::Responder& responder) {
                 sessions.post_office.connections(
                     BySession{session->ref}, tenant,
                     [session, responder](Result<std::vector<ConnectionRecord>> found) mutable {
                       if (!found) return refuse(responder, found.error());
                       succeed(responder, [&](json::Writer& body) {
                         body.member("session_ref", session->ref.view());
                         append_connection_ids(body, *found);
                       });
                     });
               });
}

std::string_view word_for(const SessionChange& change) {
  if (!change.status) return "session.update";
  switch (*change.status) {
    case SessionStatus::suspended: return "session.suspend";
    case SessionStatus::active: return "session.resume";
    default: return "session.end";
  }
}

void update(const Sessions& sessions, ApiRequest call) {
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
  Audit audit(call, word_for(change), session_name(*id));
  sessions.traffic_cop.update(
      *id, std::move(change), call.key->tenant_id,
      [&sessions, audit, id = *id, responder = call.responder](Result<SessionPtr> updated) mutable {
        if (!updated) audit.failed(updated.error());
        if (!updated) return refuse(responder, updated.error());
        audit.done(session_name(**updated));
        show(responder, id, **updated, sessions.loop.wall_now());
      });
}

void end(const Sessions& sessions, ApiRequest call) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  Audit audit(call, "session.end", session_name(*id));
  sessions.traffic_cop.end(
      *id, call.key->tenant_id, [audit, responder = call.responder](Result<SessionPtr> ended) mutable {
        if (!ended) audit.failed(ended.error());
        if (!ended) return refuse(responder, ended.error());
        audit.done(session_name(**ended));
        succeed(responder, [](json::Writer& body) { body.member("status", "inactive"); });
      });
}

}  // namespace

void add_session_routes(Routes& routes, const Sessions& sessions) {
  const auto to = [&sessions](auto verb) -> Handler {
    return [&sessions, verb](ApiRequest call) { verb(sessions, std::move(call)); };
  };
  add_revocation_routes(routes, sessions);
  const Needs key = scope(Scope::sessions);
  routes.add("POST", "/api/traffic-cop/sessions", key, to(create));
  routes.add("GET", "/api/traffic-cop/sessions", scope(Scope::registry), to(list));
  routes.add("GET", "/api/traffic-cop/sessions/{id}", key, to(get));
  routes.add("PATCH", "/api/traffic-cop/sessions/{id}", key, to(update));
  routes.add("DELETE", "/api/traffic-cop/sessions/{id}", key, to(end));
  routes.add("POST", "/api/traffic-cop/sessions/{id}/validate", key, to(validate));
  routes.add("GET", "/api/traffic-cop/sessions/{id}/websockets", key, to(connections));
}

}  // namespace gw::http_api
