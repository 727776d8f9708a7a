// Webhooks over Redis: one hash of them all, and a number that each change counts up. A change is announced;
// the number is looked at as well, for the announcement that was lost.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/webhook_store.h"
#include "engine/redis/client.h"
#include "engine/redis/keys.h"
#include "engine/redis/subscriptions.h"

namespace gw::redis {

class WebhookStore final : public gw::WebhookStore {
 public:
  WebhookStore(EventLoop& loop, Client& commands, Subscriptions& subscriptions, const Keys& keys,
               const WebhookStoreOptions& options);

  void insert(const Webhook& webhook, Done<void> done) override;
  void replace(const Webhook& webhook, Done<void> done) override;
  void remove(const std::string& id, Done<bool> done) override;
  void find(const std::string& id, Done<Webhook> done) override;
  void list(Done<std::vector<Webhook>> done) override;
  void on_change(std::function<void()> changed) override { changed_ = std::move(changed); }

  // Redis is (back) there.
  void on_up() { look(); }

 private:
  void put(const Webhook& webhook, std::string_view how, Done<void> done);
  void look();

  Client& commands_;
  const Keys& keys_;
  const WebhookStoreOptions options_;
  std::function<void()> changed_ = [] {};
  std::string revision_;  // as it was looked at last
  EventLoop::Registration looks_;
};

}  // namespace gw::redis
