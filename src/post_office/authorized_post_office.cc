#include "post_office/authorized_post_office.h"

#include "base/ids.h"
#include "base/percent.h"
#include "json/json.h"

namespace gw {
namespace {

// What a client may send, by example.
constexpr std::string_view kMessageFormat =
    R"({"channel":"guide","intent":"chat","payload":{"message":"","conversation_id":"","metadata":{}}})";

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

std::string published_body(const std::string& channel, const Missed& missed, WallTime now) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object()
      .member("success", true)
      .member("status", missed.empty() ? "published" : "partly_published")
      .member("channel", channel)
      .member("timestamp", iso8601(now));
  if (!missed.empty()) {
    writer.key("missed").begin_array();
    for (const std::string& instance : missed) writer.value(instance);
    writer.end_array();
  }
  writer.end_object();
  return body;
}

// How many of a group's messages a call was about.
Done<size_t> count_of_group(const char* name, Done<std::string> done) {
  return [name, done = std::move(done)](const Result<size_t>& count) {
    // A group that is not there (any more) has nothing open.
    const bool gone = !count && count.error().code == Errc::not_found;
    if (!count && !gone) return done(count.error());
    std::string body;
    json::Writer(body)
        .begin_object()
        .member("success", true)
        .member(name, gone ? size_t{0} : *count)
        .end_object();
    done(std::move(body));
  };
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
  } else if (auto user = fields.optional_user_id("user_id")) {
    recipient = ToUser{std::move(*user)};
  }
  if (fields.fault()) return *fields.fault();
  return recipient;
}

std::string AuthorizedPostOffice::base_url(const http::Request& caller) const {
  if (!address_.public_url.empty()) return address_.public_url;
  if (address_.discover) {
    if (std::optional<std::string> found = address_.discover()) return *std::move(found);
  }
  std::string url = caller.scheme == "https" ? "wss://" : "ws://";
  url += caller.host.empty() ? caller.local.text() : std::string(caller.host);
  return url;
}

void AuthorizedPostOffice::endpoint(const ApiKey& key, const http::Request& caller,
                                    std::string_view session_token, std::string_view realm,
                                    Done<std::string> done) {
  if (!realm.empty()) {
    if (const Result<void> granted = key.check_realm(realm); !granted) return done(granted.error());
  }
  std::string url = base_url(caller) + "/ws?session_token=";
  append_percent_encoded(url, session_token);
  std::string body;
  json::Writer writer(body);
  writer.begin_object().member("success", true).member("websocket_url", url).key("channels").begin_array();
  for (const std::string& channel : post_office_.channels().names()) writer.value(channel);
  writer.end_array().key("message_format").raw(kMessageFormat).end_object();
  done(std::move(body));
}

void AuthorizedPostOffice::publish(const ApiKey& key, std::string_view channel, PublishRequest request,
                                   Done<std::string> done) {
  const Result<void> realm_granted = key.check_realm(request.realm);
  if (!realm_granted) return done(realm_granted.error());
  const Result<ChannelIndex> granted = granted_channel(key, post_office_.channels(), channel);
  if (!granted) return done(granted.error());
  const Result<std::string> tenant = key.tenant_for(request.tenant_id);
  if (!tenant) return done(tenant.error());
  request.channel = *granted;
  request.tenant_id = *tenant;
  post_office_.publish(
      request, [this, name = agents_name_(channel), done = std::move(done)](const Result<Missed>& missed) {
        if (!missed) return done(missed.error());
        done(published_body(name, *missed, now_()));
      });
}

void AuthorizedPostOffice::acknowledge(const ApiKey& key, std::string_view channel, std::string group,
                                       const std::vector<std::string>& ids, Done<std::string> done) {
  const Result<ChannelIndex> granted = granted_channel(key, post_office_.channels(), channel);
  if (!granted) return done(granted.error());
  post_office_.acknowledge({*granted, std::move(group), key.tenant_id}, ids,
                           count_of_group("acknowledged", std::move(done)));
}

void AuthorizedPostOffice::working(const ApiKey& key, std::string_view channel, std::string group,
                                   const std::vector<std::string>& ids, Done<std::string> done) {
  const Result<ChannelIndex> granted = granted_channel(key, post_office_.channels(), channel);
  if (!granted) return done(granted.error());
  post_office_.working({*granted, std::move(group), key.tenant_id}, ids,
                       count_of_group("working", std::move(done)));
}

void AuthorizedPostOffice::send(const ApiKey& key, const Recipient& recipient, std::string_view message,
                                Done<std::string> done) {
  post_office_.send(recipient, message, key.tenant_id,
                    [recipient, done = std::move(done)](Result<size_t> sent) {
                      if (!sent) return done(sent.error());
                      done(sent_body(recipient, *sent));
                    });
}

}  // namespace gw
