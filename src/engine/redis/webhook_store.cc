#include "engine/redis/webhook_store.h"

#include <algorithm>

#include "engine/redis/scripts.h"
#include "engine/redis/webhook_record.h"

namespace gw::redis {
namespace {

constexpr Duration kLookEvery = 5s;

Error gone() { return {Errc::not_found, "no such webhook"}; }

}  // namespace

WebhookStore::WebhookStore(EventLoop& loop, Client& commands, Subscriptions& subscriptions, const Keys& keys,
                           const WebhookStoreOptions& options)
    : commands_(commands),
      keys_(keys),
      options_(options),
      looks_(loop.every(kLookEvery, [this] { look(); })) {
  subscriptions.keep(keys_.webhooks_changed(), [this](std::string_view) {
    look();
    return true;
  });
}

void WebhookStore::insert(const Webhook& webhook, Done<void> done) { put(webhook, "new", std::move(done)); }

void WebhookStore::replace(const Webhook& webhook, Done<void> done) { put(webhook, "old", std::move(done)); }

void WebhookStore::put(const Webhook& webhook, std::string_view how, Done<void> done) {
  const std::string record = webhook_record(webhook);
  run_script(commands_, scripts::put_webhook,
             {{"webhooks", keys_.webhooks()},
              {"revision", keys_.webhooks_revision()},
              {"changed", keys_.webhooks_changed()},
              {"id", webhook.id},
              {"realm", webhook.realm},
              {"record", record},
              {"how", how},
              {"most", std::to_string(options_.webhooks_max)},
              {"realm_most", std::to_string(options_.realm_max)}},
             [done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               if (reply->integer() == 1) return done({});
               if (reply->integer() == 0) return done(gone());
               done(Error{Errc::resource_exhausted, "there are too many webhooks"});
             });
}

void WebhookStore::remove(const std::string& id, Done<bool> done) {
  run_script(commands_, scripts::remove_webhook,
             {{"webhooks", keys_.webhooks()},
              {"revision", keys_.webhooks_revision()},
              {"changed", keys_.webhooks_changed()},
              {"id", id}},
             [done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               done(reply->integer() == 1);
             });
}

void WebhookStore::find(const std::string& id, Done<Webhook> done) {
  commands_.command({"HGET", keys_.webhooks(), id}, [done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    const auto webhook = reply->is_text() ? parse_webhook_record(reply->text()) : std::nullopt;
    if (!webhook) return done(gone());
    done(Webhook(*webhook));
  });
}

void WebhookStore::list(Done<std::vector<Webhook>> done) {
  commands_.command({"HGETALL", keys_.webhooks()}, [done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    std::vector<Webhook> all;
    for (size_t i = 1; i < reply->size(); i += 2) {
      if (auto webhook = parse_webhook_record((*reply)[i].text())) all.push_back(*std::move(webhook));
    }
    std::sort(all.begin(), all.end(), [](const Webhook& a, const Webhook& b) { return a.id < b.id; });
    done(std::move(all));
  });
}

void WebhookStore::look() {
  if (!commands_.is_up()) return;
  commands_.command({"GET", keys_.webhooks_revision()}, [this](const Result<Reply>& reply) {
    if (!reply) return;
    const std::string revision(reply->is_text() ? reply->text() : "");
    if (revision == revision_) return;
    revision_ = revision;
    changed_();
  });
}

}  // namespace gw::redis
