#include "post_office/http_api/messages.h"

namespace gw::http_api {
namespace {

constexpr size_t kGroupIdsMax = 10'000;

Done<std::string> answer(http::Responder responder) {
  return [responder = std::move(responder)](Result<std::string> body) mutable {
    if (!body) return refuse(responder, body.error());
    responder.send(http::Response::json(200, std::move(*body)));
  };
}

void endpoint(AuthorizedPostOffice& post_office, ApiRequest call) {
  QueryFields fields(call.request.query);
  const std::string token = fields.name("session_token");
  const std::string realm = fields.optional_name("realm").value_or("");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  post_office.endpoint(*call.key, call.request, token, realm, answer(call.responder));
}

void publish(AuthorizedPostOffice& post_office, ApiRequest call) {
  BodyFields fields(call.request.body);
  const std::string channel = fields.text("channel");
  const std::string_view message = fields.raw("message");
  const std::string realm = fields.name("realm");
  const std::string tenant = fields.optional_name("tenant_id").value_or("");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  post_office.publish(*call.key, channel, {.message = message, .realm = realm, .tenant_id = tenant},
                      answer(call.responder));
}

void send(AuthorizedPostOffice& post_office, ApiRequest call) {
  BodyFields fields(call.request.body);
  const std::string_view message = fields.raw("message");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  const Result<Recipient> recipient = read_recipient(fields);
  if (!recipient) return refuse(call.responder, recipient.error());
  post_office.send(*call.key, *recipient, message, answer(call.responder));
}

// What a group says of messages that it has.
template <auto verb>
void tell_of_group(AuthorizedPostOffice& post_office, ApiRequest call) {
  BodyFields fields(call.request.body);
  const std::string channel = fields.text("channel");
  const std::string group = fields.name("group");
  const std::vector<std::string> ids = fields.texts("ids", kGroupIdsMax);
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  (post_office.*verb)(*call.key, channel, group, ids, answer(call.responder));
}

}  // namespace

void add_message_routes(Routes& routes, AuthorizedPostOffice& post_office) {
  const auto with = [&post_office](auto verb) -> Handler {
    return [&post_office, verb](ApiRequest call) { verb(post_office, std::move(call)); };
  };
  routes.add("GET", "/api/post-office/websocket/endpoint", any_key(), with(endpoint));
  routes.add("POST", "/api/post-office/websocket/publish", scope(Scope::publish), with(publish));
  routes.add("POST", "/api/post-office/websocket/send", scope(Scope::send), with(send));
  routes.add("POST", "/api/post-office/websocket/ack", scope(Scope::subscribe),
             with(tell_of_group<&AuthorizedPostOffice::acknowledge>));
  routes.add("POST", "/api/post-office/websocket/working", scope(Scope::subscribe),
             with(tell_of_group<&AuthorizedPostOffice::working>));
}

}  // namespace gw::http_api
