// Webhooks of a gateway that runs alone: they end with it.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/webhook_store.h"

namespace gw::memory {

class WebhookStore final : public gw::WebhookStore {
 public:
  explicit WebhookStore(const WebhookStoreOptions& options) : options_(options) {}

  void insert(const Webhook& webhook, Done<void> done) override {
    const auto of_realm = std::count_if(webhooks_.begin(), webhooks_.end(), [&](const auto& other) {
      return other.second.realm == webhook.realm;
    });
    if (webhooks_.size() >= options_.webhooks_max || static_cast<size_t>(of_realm) >= options_.realm_max)
      return done(Error{Errc::resource_exhausted, "there are too many webhooks"});
    webhooks_[webhook.id] = webhook;
    changed_();
    done({});
  }
  void replace(const Webhook& webhook, Done<void> done) override {
    const auto it = webhooks_.find(webhook.id);
    if (it == webhooks_.end()) return done(Error{Errc::not_found, "no such webhook"});
    it->second = webhook;
    changed_();
    done({});
  }
  void remove(const std::string& id, Done<bool> done) override {
    const bool was_there = webhooks_.erase(id) > 0;
    if (was_there) changed_();
    done(was_there);
  }
  void find(const std::string& id, Done<Webhook> done) override {
    const auto it = webhooks_.find(id);
    if (it == webhooks_.end()) return done(Error{Errc::not_found, "no such webhook"});
    done(Webhook(it->second));
  }
  void list(Done<std::vector<Webhook>> done) override {
    std::vector<Webhook> all;
    for (const auto& [id, webhook] : webhooks_) all.push_back(webhook);
    done(std::move(all));
  }
  void on_change(std::function<void()> changed) override { changed_ = std::move(changed); }

 private:
  const WebhookStoreOptions options_;
  std::map<std::string, Webhook> webhooks_;
  std::function<void()> changed_ = [] {};
};

}  // namespace gw::memory
