#include "engine/redis/client_delivery.h"

#include "base/log.h"
#include "engine/redis/errors.h"
#include "json/json.h"

namespace gw::redis {
namespace {

constexpr Duration kOfferAgainAfter = 2ms;

// Why a connection that is full takes nothing more.
Error full(const Client& connection) {
  if (!connection.is_up()) return not_now();
  return {Errc::resource_exhausted, "Redis takes messages more slowly than they come"};
}

Error instance_gone() { return {Errc::not_found, "the connection's instance is gone"}; }

void warn_invalid(std::string_view channel, std::string_view reason) {
  log::warn("redis_message_invalid", {{"channel", channel}, {"reason", reason}});
}

}  // namespace

ClientDelivery::ClientDelivery(Parts parts, size_t message_bytes_max)
    : parts_(parts), message_bytes_max_(message_bytes_max), posts_(parts.loop, parts.messages, parts.keys) {
  parts_.subscriptions.keep(parts_.keys.gateway(parts_.keys.instance()),
                            [this](std::string_view payload) { return on_own(payload); });
}

void ClientDelivery::add_channel(ChannelIndex channel) {
  parts_.subscriptions.keep(
      parts_.keys.fanout(parts_.channels.name(channel)),
      [this, channel](std::string_view payload) { return on_fanout(channel, payload); },
      [this, channel] { on_subscribed_again(channel); });
}

void ClientDelivery::publish(Publication publication, Done<Missed> done) {
  if (parts_.messages.is_full()) return done(full(parts_.messages));
  const std::string& channel = parts_.channels.name(publication.channel);
  std::string payload;
  json::Writer writer(payload);
  writer.begin_object().member("source", publication.source).key("message").raw(publication.message);
  if (!publication.tenant_id.empty()) writer.member("tenant_id", publication.tenant_id);
  writer.end_object();
  run_script(parts_.messages, scripts::publish,
             {{"gateways", parts_.keys.gateways()},
              {"prefix", parts_.keys.prefix()},
              {"fanout", parts_.keys.fanout(channel)},
              {"payload", payload},
              {"gateway_channels", parts_.keys.gateway("")},
              {"live_ms", std::to_string((Lease::kTime - Lease::kSoft).count())}},
             [done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               if ((*reply)[0].integer() == 0)
                 return done(Error{Errc::unavailable, "no gateway listens to publications now"});
               Missed missed;
               for (size_t i = 1; i < reply->size(); ++i) missed.emplace_back((*reply)[i].text());
               done(std::move(missed));
             });
  parts_.agents.announce(publication);
}

void ClientDelivery::send(const ConnectionRecord& record, std::string_view message, Done<void> done) {
  if (!parts_.lease.is_fresh()) return done(not_now());
  if (record.gateway.empty()) return done(local_.send(record.handle, message));
  if (!parts_.lease.is_alive(record.gateway)) return done(instance_gone());
  if (parts_.messages.is_full()) return done(full(parts_.messages));
  std::string payload;
  json::Writer(payload)
      .begin_object()
      .member("connection_id", record.id.text())
      .key("message")
      .raw(message)
      .end_object();
  const std::string gateway = parts_.keys.gateway(record.gateway);
  parts_.messages.publish(
      gateway, payload,
      [this, instance = record.gateway, done = std::move(done)](const Result<Reply>& reply) {
        if (!reply) return done(reply.error());
        if (reply->integer() == 0) return not_heard(instance, done);
        done({});
      });
}

void ClientDelivery::post(ClientPost post, Done<PostVerdict> done) {
  const std::string& instance = post.token.instance;
  if (instance == parts_.keys.instance()) return local_.post(post, std::move(done));
  if (!parts_.lease.is_fresh()) return done(not_now());
  if (!parts_.lease.is_alive(instance)) return done(instance_gone());
  posts_.send(post, std::move(done),
              [this, instance](Done<void> why) { not_heard(instance, std::move(why)); });
}

// An instance that lives comes back to its subscriptions: only its lease tells that it is gone.
void ClientDelivery::not_heard(const std::string& instance, Done<void> done) {
  parts_.lease.refresh([this, instance, done = std::move(done)] {
    if (parts_.lease.is_gone(instance)) return done(instance_gone());
    done(Error{Errc::unavailable, "the connection's instance does not listen now"});
  });
}

void ClientDelivery::on_subscribed_again(ChannelIndex channel) {
  log::warn("publications_missed", {{"channel", parts_.channels.name(channel)}});
  local_.gap(channel);
}

bool ClientDelivery::taken(const Result<void>& delivered) {
  if (delivered || delivered.error().code != Errc::resource_exhausted) return true;
  offer_again_ = parts_.loop.after(kOfferAgainAfter, [this] { parts_.pushes.resume(); });
  return false;
}

bool ClientDelivery::on_fanout(ChannelIndex channel, std::string_view payload) {
  if (!parts_.lease.is_fresh()) return false;
  const auto object = json::parse_object(payload);
  const json::Value* message = object ? object->find("message") : nullptr;
  if (!message) {
    warn_invalid(parts_.channels.name(channel), "a publication is an object with a message");
    return true;
  }
  const json::Value* tenant = object->find("tenant_id");
  const bool for_all = !tenant || tenant->is_null();
  Publication publication;
  publication.channel = channel;
  publication.tenant_id = for_all ? "" : json::as_string(*tenant).value_or("");
  if (!for_all && !is_valid_name(publication.tenant_id)) {
    warn_invalid(parts_.channels.name(channel), "tenant_id is not a tenant's");
    return true;
  }
  if (message->raw().size() > message_bytes_max_) {
    warn_invalid(parts_.channels.name(channel), "message is larger than a client's outbox");
    return true;
  }
  publication.message = message->raw();
  return taken(local_.publish(publication));
}

// To one connection of this instance; or a probe of its own, or word that connections have to close.
bool ClientDelivery::on_own(std::string_view payload) {
  if (!parts_.lease.is_fresh()) return false;
  const auto object = json::parse_object(payload);
  if (object) {
    if (const json::Value* probe = object->find("probe")) {
      parts_.prober.on_heard(json::as_int64(*probe).value_or(0));
      return true;
    }
    if (object->find("evicted")) {
      parts_.registry.take_evictions();
      return true;
    }
    if (posts_.on_heard(*object, local_.post)) return true;
  }
  const json::Value* id_text = object ? object->find("connection_id") : nullptr;
  const json::Value* message = object ? object->find("message") : nullptr;
  const auto text = id_text ? json::as_string(*id_text) : std::nullopt;
  const auto id = text ? ConnectionId::parse(*text) : std::nullopt;
  if (!id || !message || message->raw().size() > message_bytes_max_) {
    warn_invalid(parts_.keys.instance(), "expected connection_id and a message that fits a client's outbox");
    return true;
  }
  const ConnectionRecord* record = parts_.find_local(*id);
  return !record || taken(local_.send(record->handle, message->raw()));
}

}  // namespace gw::redis
