#include "post_office/http_api/webhooks.h"

#include "base/random.h"
#include "post_office/authorized_post_office.h"
#include "post_office/fields.h"
#include "post_office/http_api/audit.h"
#include "post_office/webhooks/signature.h"

namespace gw::http_api {
namespace {

constexpr int64_t kInFlightMax = 64, kInFlightUsual = 8;

// For whom the key is not, it is not there.
bool is_visible(const ApiKey& key, const ChannelTable& channels, const Webhook& webhook) {
  const auto channel = channels.find(webhook.channel);
  return (key.realm.empty() || key.realm == webhook.realm) &&
         (key.tenant_id.empty() || key.tenant_id == webhook.tenant_id) && channel &&
         key.channels.contains(*channel);
}

// What this instance knows of it.
void append_state(json::Writer& body, const Hook& hook) {
  const Hook::State state = hook.state();
  body.key("here").begin_object();
  body.member("member", state.is_member).member("circuit_state", to_string(state.circuit));
  body.member("waiting", state.waiting).member("in_flight", state.in_flight);
  body.key("last_failure");
  if (state.last_failure.empty()) {
    body.null();
  } else {
    body.value(state.last_failure);
  }
  body.end_object();
}

// All but its secrets.
void append_webhook(json::Writer& body, const Webhook& webhook, const Hook* hook) {
  body.member("subscription_id", webhook.id)
      .member("channel", webhook.channel)
      .member("callback", webhook.callback)
      .member("realm", webhook.realm)
      .member("tenant_id", webhook.tenant_id.empty() ? std::nullopt : std::optional(webhook.tenant_id))
      .member("group", webhook.group)
      .member("max_in_flight", webhook.in_flight_max)
      .member("created_at", iso8601(webhook.created_at));
  if (hook) append_state(body, *hook);
}

std::string read_secret(BodyFields& fields, std::optional<Error>& fault) {
  const std::optional<std::string> secret = fields.optional_text("secret");
  if (secret && !is_webhook_secret(*secret))
    fault = Error{Errc::invalid_argument, "secret must be whsec_ and base64 of 24 to 64 bytes"};
  return secret ? *secret : make_webhook_secret();
}

// Everything of it that the key has to grant.
Result<Webhook> read_webhook(const WebhookCalls& calls, const ApiRequest& call) {
  BodyFields fields(call.request.body);
  std::optional<Error> wrong_secret;
  Webhook webhook;
  webhook.id = "wh_" + secure_random_hex(16);
  webhook.channel = fields.text("channel");
  webhook.callback = fields.text("callback");
  webhook.realm = fields.name("realm");
  const std::string tenant = fields.optional_name("tenant_id").value_or("");
  webhook.group = fields.optional_name("group").value_or(webhook.id);
  webhook.secret = read_secret(fields, wrong_secret);
  webhook.in_flight_max = static_cast<uint32_t>(
      fields.optional_number_within("max_in_flight", 1, kInFlightMax).value_or(kInFlightUsual));
  fields.refuse_repeated();
  if (fields.fault()) return *fields.fault();
  if (wrong_secret) return *wrong_secret;
  const Result<ChannelIndex> channel = granted_channel(*call.key, calls.channels, webhook.channel);
  if (!channel) return channel.error();
  if (const Result<void> realm = call.key->check_realm(webhook.realm); !realm) return realm.error();
  const Result<std::string> granted_tenant = call.key->tenant_for(tenant);
  if (!granted_tenant) return granted_tenant.error();
  webhook.tenant_id = *granted_tenant;
  if (const auto url = calls.webhooks.check(webhook.callback); !url) return url.error();
  webhook.may_send = call.key->scopes.contains(Scope::send);
  webhook.may_run = call.key->scopes.contains(Scope::runs);
  webhook.created_at = calls.loop.wall_now();
  return webhook;
}

std::string name_of(const std::string& id) { return "webhook:" + id; }

void create(const WebhookCalls& calls, ApiRequest call) {
  Audit audit(call, "webhook.create", "webhook");
  const Result<Webhook> read = read_webhook(calls, call);
  if (!read) {
    audit.failed(read.error());
    return refuse(call.responder, read.error());
  }
  calls.webhooks.insert(
      *read, [audit, webhook = *read, responder = call.responder](const Result<void>& made) mutable {
        if (!made) audit.failed(made.error());
        if (!made) return refuse(responder, made.error());
        audit.done(name_of(webhook.id));
        succeed(
            responder,
            [&](json::Writer& body) {
              append_webhook(body, webhook, nullptr);
              body.member("secret", webhook.secret);
            },
            201);
      });
}

// The one that the path names, where the key may know of it.
void with_webhook(const WebhookCalls& calls, const ApiRequest& call,
                  std::function<void(const Result<Webhook>&)> then) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return then(id.error());
  calls.webhooks.store().find(
      *id, [&calls, &key = *call.key, then = std::move(then)](const Result<Webhook>& found) {
        if (found && !is_visible(key, calls.channels, *found))
          return then(Error{Errc::not_found, "no such webhook"});
        then(found);
      });
}

void show(const WebhookCalls& calls, ApiRequest call) {
  with_webhook(calls, call, [&calls, responder = call.responder](const Result<Webhook>& found) mutable {
    if (!found) return refuse(responder, found.error());
    succeed(responder,
            [&](json::Writer& body) { append_webhook(body, *found, calls.webhooks.find(found->id)); });
  });
}

void list(const WebhookCalls& calls, ApiRequest call) {
  calls.webhooks.store().list([&calls, &key = *call.key,
                               responder = call.responder](const Result<std::vector<Webhook>>& all) mutable {
    if (!all) return refuse(responder, all.error());
    succeed(responder, [&](json::Writer& body) {
      body.key("subscriptions").begin_array();
      for (const Webhook& webhook : *all) {
        if (!is_visible(key, calls.channels, webhook)) continue;
        body.begin_object();
        append_webhook(body, webhook, calls.webhooks.find(webhook.id));
        body.end_object();
      }
      body.end_array();
    });
  });
}

void remove(const WebhookCalls& calls, ApiRequest call) {
  with_webhook(calls, call,
               [&calls, audit = Audit(call, "webhook.delete", "webhook"),
                responder = call.responder](const Result<Webhook>& found) mutable {
                 if (!found) audit.failed(found.error());
                 if (!found) return refuse(responder, found.error());
                 calls.webhooks.store().remove(
                     found->id, [audit, id = found->id, responder](const Result<bool>& removed) mutable {
                       if (!removed) audit.failed(removed.error());
                       if (!removed) return refuse(responder, removed.error());
                       audit.done(name_of(id));
                       succeed(responder, [&](json::Writer& body) {
                         body.member("subscription_id", id).member("status", "deleted");
                       });
                     });
               });
}

// The one before it goes on signing for a while, beside the new one.
void renew_secret(const WebhookCalls& calls, ApiRequest call) {
  BodyFields fields(call.request.body.empty() ? "{}" : call.request.body);
  std::optional<Error> fault;
  const std::string secret = read_secret(fields, fault);
  if (fields.fault()) fault = fields.fault();
  if (fault) return refuse(call.responder, *fault);
  with_webhook(calls, call,
               [&calls, secret, audit = Audit(call, "webhook.secret", "webhook"),
                responder = call.responder](const Result<Webhook>& found) mutable {
                 if (!found) audit.failed(found.error());
                 if (!found) return refuse(responder, found.error());
                 Webhook webhook = *found;
                 webhook.old_secret = std::exchange(webhook.secret, secret);
                 webhook.old_secret_until =
                     calls.loop.wall_now() + std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 calls.webhooks.options().old_secret_kept);
                 calls.webhooks.store().replace(
                     webhook, [audit, webhook, responder](const Result<void>& replaced) mutable {
                       if (!replaced) audit.failed(replaced.error());
                       if (!replaced) return refuse(responder, replaced.error());
                       audit.done(name_of(webhook.id));
                       succeed(responder, [&](json::Writer& body) {
                         body.member("subscription_id", webhook.id)
                             .member("secret", webhook.secret)
                             .member("old_secret_until", iso8601(webhook.old_secret_until));
                       });
                     });
               });
}

}  // namespace

void add_webhook_routes(Routes& routes, const WebhookCalls& calls) {
  const auto with = [&calls](auto verb) -> Handler {
    return [&calls, verb](ApiRequest call) { verb(calls, std::move(call)); };
  };
  const Needs subscribe = scope(Scope::subscribe);
  routes.add("POST", "/api/post-office/websocket/subscribe", subscribe, with(create));
  routes.add("GET", "/api/post-office/websocket/subscriptions", subscribe, with(list));
  routes.add("GET", "/api/post-office/websocket/subscribe/{id}", subscribe, with(show));
  routes.add("DELETE", "/api/post-office/websocket/subscribe/{id}", subscribe, with(remove));
  routes.add("POST", "/api/post-office/websocket/subscribe/{id}/secret", subscribe, with(renew_secret));
}

}  // namespace gw::http_api
