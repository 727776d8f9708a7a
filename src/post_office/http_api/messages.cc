#include "post_office/http_api/messages.h"

#include "base/hex.h"
#include "base/ids.h"
#include "post_office/http_api/fields.h"

namespace gw::http_api {
namespace {

constexpr size_t kAcknowledgedIdsMax = 10'000;

// What a client may send, by example.
constexpr std::string_view kMessageFormat =
    R"({"channel":"guide","intent":"chat","payload":{"message":"","conversation_id":"","metadata":{}}})";

// Everything but RFC 3986's unreserved characters: some readers take '+' for a blank.
void append_percent_encoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            std::string_view("-._~").find(c) != std::string_view::npos;
    if (unreserved) {
      out.push_back(c);
    } else {
      out.push_back('%');
      append_hex(out, {reinterpret_cast<const unsigned char*>(&c), 1});
    }
  }
}

// Exactly one of the fields says to whom.
Result<Recipient> read_recipient(BodyFields& fields) {
  if (fields.count({"connection_id", "session_ref", "session_id", "user_id"}) != 1) {
    return Error{Errc::invalid_argument,
                 "exactly one of connection_id, session_ref, session_id and user_id is required"};
  }
  Recipient recipient;
  if (auto id = fields.optional_text("connection_id")) {
    recipient = ToConnection{std::move(*id)};
  } else if (auto ref = fields.optional_name("session_ref")) {
    recipient = ToSessionRef{std::move(*ref)};
  } else if (auto session_id = fields.optional_name("session_id")) {
    recipient = ToSessionId{std::move(*session_id)};
  } else if (auto user = fields.optional_name("user_id")) {
    recipient = ToUser{std::move(*user)};
  }
  if (fields.fault()) return *fields.fault();
  return recipient;
}

std::string sent_body(const Recipient& recipient, size_t delivered) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object().member("success", true);
  if (const auto* to = std::get_if<ToConnection>(&recipient)) {
    writer.member("connection_id", to->connection_id).member("status", "sent");
  } else {
    writer.member("status", "sent").member("delivered", delivered);
  }
  writer.end_object();
  return body;
}

}  // namespace

Result<ChannelIndex> granted_channel(const ApiKey& key, const ChannelTable& channels, std::string_view name) {
  if (!is_valid_channel(name)) {
    return Error{Errc::invalid_argument, "channel must match [a-z0-9_.:-]{1,64}"};
  }
  const std::optional<ChannelIndex> channel = channels.find(name);
  if (!channel) return Error{Errc::not_found, "no such channel"};
  if (const Result<void> granted = key.check_channel(*channel); !granted) return granted.error();
  return *channel;
}

std::string MessagesApi::websocket_url(const http::Request& request, std::string_view session_token) const {
  std::string url = public_url_;
  if (url.empty()) {
    url = request.scheme == "https" ? "wss://" : "ws://";
    url += request.host.empty() ? request.local.text() : std::string(request.host);
  }
  url += "/ws?session_token=";
  append_percent_encoded(url, session_token);
  return url;
}

void MessagesApi::endpoint(Call call) {
  QueryFields fields(call.request.query);
  const std::string token = fields.name("session_token");
  const std::optional<std::string> realm = fields.optional_name("realm");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  if (realm) {
    if (const Result<void> granted = call.key->check_realm(*realm); !granted) {
      return refuse(call.responder, granted.error());
    }
  }
  std::string body;
  json::Writer writer(body);
  writer.begin_object()
      .member("success", true)
      .member("websocket_url", websocket_url(call.request, token))
      .key("channels")
      .begin_array();
  for (const std::string& channel : post_office_.channels().names()) writer.value(channel);
  writer.end_array().key("message_format").raw(kMessageFormat).end_object();
  call.responder.send(http::Response::json(200, std::move(body)));
}

void MessagesApi::publish(Call call) {
  BodyFields fields(call.request.body);
  const std::string channel = fields.text("channel");
  const std::string_view message = fields.raw("message");
  const std::string realm = fields.name("realm");
  const std::string wanted_tenant = fields.optional_name("tenant_id").value_or("");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  const ApiKey& key = *call.key;
  const Result<void> realm_granted = key.check_realm(realm);
  if (!realm_granted) return refuse(call.responder, realm_granted.error());
  const Result<ChannelIndex> granted = granted_channel(key, post_office_.channels(), channel);
  if (!granted) return refuse(call.responder, granted.error());
  const Result<std::string> tenant = key.tenant_for(wanted_tenant);
  if (!tenant) return refuse(call.responder, tenant.error());

  post_office_.publish({channel, message, realm, *tenant},
                       [channel, responder = call.responder](Result<void> published) mutable {
                         if (!published) return refuse(responder, published.error());
                         std::string body;
                         json::Writer(body)
                             .begin_object()
                             .member("success", true)
                             .member("status", "published")
                             .member("channel", "websocket:" + channel)
                             .member("timestamp", iso8601(wall_now()))
                             .end_object();
                         responder.send(http::Response::json(200, std::move(body)));
                       });
}

void MessagesApi::send(Call call) {
  BodyFields fields(call.request.body);
  const std::string_view message = fields.raw("message");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  const Result<Recipient> recipient = read_recipient(fields);
  if (!recipient) return refuse(call.responder, recipient.error());
  post_office_.send(*recipient, message, call.key->tenant_id,
                    [recipient = *recipient, responder = call.responder](Result<size_t> sent) mutable {
                      if (!sent) return refuse(responder, sent.error());
                      responder.send(http::Response::json(200, sent_body(recipient, *sent)));
                    });
}

void MessagesApi::acknowledge(Call call) {
  BodyFields fields(call.request.body);
  const std::string channel = fields.text("channel");
  const std::string group = fields.name("group");
  const std::vector<std::string> ids = fields.texts("ids", kAcknowledgedIdsMax);
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  const Result<ChannelIndex> granted = granted_channel(*call.key, post_office_.channels(), channel);
  if (!granted) return refuse(call.responder, granted.error());
  post_office_.broker().acknowledge({*granted, group, call.key->tenant_id}, ids,
                                    [responder = call.responder](Result<size_t> closed) mutable {
                                      // A group that is not there (any more) has nothing open.
                                      const bool gone = !closed && closed.error().code == Errc::not_found;
                                      if (!closed && !gone) return refuse(responder, closed.error());
                                      std::string body;
                                      json::Writer(body)
                                          .begin_object()
                                          .member("success", true)
                                          .member("acknowledged", gone ? size_t{0} : *closed)
                                          .end_object();
                                      responder.send(http::Response::json(200, std::move(body)));
                                    });
}

}  // namespace gw::http_api
