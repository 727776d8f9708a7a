#include "post_office/http_api/disconnects.h"

#include <algorithm>

#include "base/overload.h"
#include "post_office/authorized_post_office.h"
#include "post_office/http_api/audit.h"

namespace gw::http_api {
namespace {

constexpr const char* kCodes =
    "code must be 1012 or 4009 (the client comes back) or 4010 (it stays away); to send users to their login "
    "page end or suspend the session";

Result<Disconnect> read_code(BodyFields& fields) {
  const auto code = fields.optional_number("code");
  if (fields.fault()) return *fields.fault();
  if (!code) return disconnect::kByOperator.front();
  const auto& allowed = disconnect::kByOperator;
  const auto found =
      std::find_if(allowed.begin(), allowed.end(), [&](const Disconnect& why) { return why.code == *code; });
  if (found == allowed.end()) return Error{Errc::invalid_argument, kCodes};
  return *found;
}

std::string name_of(const Recipient& recipient) {
  return std::visit(Overload{[](const ToConnection& to) { return "connection:" + to.connection_id; },
                             [](const ToSessionRef& to) { return "session:" + to.ref; },
                             [](const ToSessionId&) { return std::string("session"); },
                             [](const ToUser& to) { return "user:" + to.user_id; }},
                    recipient);
}

void disconnect(PostOffice& post_office, ApiRequest& call, const Recipient& recipient,
                const Disconnect& why) {
  Audit audit(call, "connection.disconnect", name_of(recipient));
  post_office.disconnect(
      recipient, why, call.key->tenant_id,
      [audit, recipient, why, responder = call.responder](const Result<size_t>& told) mutable {
        if (!told) audit.failed(told.error());
        if (!told) return refuse(responder, told.error());
        audit.done();
        succeed(responder, [&](json::Writer& body) {
          if (const auto* to = std::get_if<ToConnection>(&recipient))
            body.member("connection_id", to->connection_id);
          body.member("status", "closing").member("closing", *told).member("code", why.code);
        });
      });
}

void disconnect_one(PostOffice& post_office, ApiRequest call) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  BodyFields fields(call.request.body.empty() ? "{}" : call.request.body);
  const Result<Disconnect> why = read_code(fields);
  if (!why) return refuse(call.responder, why.error());
  disconnect(post_office, call, ToConnection{*id}, *why);
}

void disconnect_all(PostOffice& post_office, ApiRequest call) {
  BodyFields fields(call.request.body);
  const Result<Disconnect> why = read_code(fields);
  if (!why) return refuse(call.responder, why.error());
  const Result<Recipient> recipient = read_recipient(fields);
  if (!recipient) return refuse(call.responder, recipient.error());
  disconnect(post_office, call, *recipient, *why);
}

}  // namespace

void add_disconnect_routes(Routes& routes, PostOffice& post_office) {
  const auto to = [&post_office](auto verb) -> Handler {
    return [&post_office, verb](ApiRequest call) { verb(post_office, std::move(call)); };
  };
  // Whoever may end a session may end its connections.
  const Needs sessions = scope(Scope::sessions);
  routes.add("POST", "/api/post-office/websocket/connections/{id}/disconnect", sessions, to(disconnect_one));
  routes.add("POST", "/api/post-office/websocket/disconnect", sessions, to(disconnect_all));
}

}  // namespace gw::http_api
