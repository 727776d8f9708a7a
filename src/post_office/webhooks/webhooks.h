// All webhooks, as this instance serves them: each of the store is a member of its group here. Control loop
// only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/webhook_stats.h"
#include "post_office/webhooks/hook.h"

namespace gw {

class Webhooks {
 public:
  // All outlive it. `instance_id`: no other instance has it.
  Webhooks(EventLoop& loop, Engine& engine, PostOffice& post_office, WebhookOptions options,
           const std::string& instance_id);
  ~Webhooks();

  // Once, after the engine has been.
  Result<void> start();
  void reconfigure(WebhookOptions options);

  // failed_precondition: there are none here. invalid_argument, permission_denied: not with that callback.
  Result<CallbackUrl> check(std::string_view callback) const;
  // Answers when its group has it, on this instance: what comes from then on is posted. failed_precondition:
  // the engine has no groups; resource_exhausted; unavailable.
  void insert(const Webhook& webhook, Done<void> done);
  // What this instance knows of one; null: nothing yet.
  const Hook* find(const std::string& id) const;
  WebhookStore& store() { return engine_.webhooks(); }
  const WebhookOptions& options() const { return options_; }

  // Takes no more envelopes. `done` when nothing is on its way any more.
  void stop(std::function<void()> done);
  WebhookStats stats() const;

 private:
  void tick();
  void load();
  void take(const std::vector<Webhook>& all);
  std::shared_ptr<Hook> make(const Webhook& webhook);
  void drop(std::shared_ptr<Hook> hook);
  std::shared_ptr<TlsTrust> trust();

  EventLoop& loop_;
  Engine& engine_;
  PostOffice& post_office_;
  WebhookOptions options_;
  const std::string producer_;
  std::shared_ptr<TlsTrust> trust_;
  WebhookStats stats_;
  CallBudget budget_{options_};
  std::map<std::string, std::shared_ptr<Hook>> hooks_;
  std::map<std::string, std::shared_ptr<Hook>> making_;  // members already, not in the store yet
  std::vector<std::shared_ptr<Hook>> leaving_;           // with requests on their way
  bool is_loading_ = false, is_load_due_ = false, is_stopped_ = false;
  std::function<void()> on_idle_;
  EventLoop::Registration ticks_;
};

}  // namespace gw
