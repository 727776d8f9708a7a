#include "post_office/http_api/messages.h"

namespace gw::http_api {
namespace {

constexpr size_t kAcknowledgedIdsMax = 10'000;

Done<std::string> answer(http::Responder responder) {
  return [responder = std::move(responder)](Result<std::string> body) mutable {
    if (!body) return refuse(responder, body.error());
    responder.send(http::Response::json(200, std::move(*body)));
  };
}

}  // namespace

void MessagesApi::endpoint(ApiRequest call) {
  QueryFields fields(call.request.query);
  const std::string token = fields.name("session_token");
  const std::string realm = fields.optional_name("realm").value_or("");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  calls_.endpoint(*call.key, call.request, token, realm, answer(call.responder));
}

void MessagesApi::publish(ApiRequest call) {
  BodyFields fields(call.request.body);
  const std::string channel = fields.text("channel");
  const std::string_view message = fields.raw("message");
  const std::string realm = fields.name("realm");
  const std::string tenant = fields.optional_name("tenant_id").value_or("");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  calls_.publish(*call.key, {channel, message, realm, tenant}, answer(call.responder));
}

void MessagesApi::send(ApiRequest call) {
  BodyFields fields(call.request.body);
  const std::string_view message = fields.raw("message");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  const Result<Recipient> recipient = read_recipient(fields);
  if (!recipient) return refuse(call.responder, recipient.error());
  calls_.send(*call.key, *recipient, message, answer(call.responder));
}

void MessagesApi::acknowledge(ApiRequest call) {
  BodyFields fields(call.request.body);
  const std::string channel = fields.text("channel");
  const std::string group = fields.name("group");
  const std::vector<std::string> ids = fields.texts("ids", kAcknowledgedIdsMax);
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  PostOffice& post_office = calls_.post_office();
  const Result<ChannelIndex> granted = granted_channel(*call.key, post_office.channels(), channel);
  if (!granted) return refuse(call.responder, granted.error());
  post_office.acknowledge({*granted, group, call.key->tenant_id}, ids,
                          [answered = answer(call.responder)](Result<size_t> closed) {
                            // A group that is not there (any more) has nothing open.
                            const bool gone = !closed && closed.error().code == Errc::not_found;
                            if (!closed && !gone) return answered(closed.error());
                            std::string body;
                            json::Writer(body)
                                .begin_object()
                                .member("success", true)
                                .member("acknowledged", gone ? size_t{0} : *closed)
                                .end_object();
                            answered(std::move(body));
                          });
}

}  // namespace gw::http_api
