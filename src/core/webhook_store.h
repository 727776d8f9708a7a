// Interface: the webhooks of all instances: HTTP servers that take a channel's messages in place of an
// agent's stream. Control loop only; each `done` is called exactly once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/done.h"

namespace gw {

struct Webhook {
  std::string id;        // "wh_" and 128 random bits
  std::string channel;   // by its name: an index is an instance's own
  std::string callback;  // where envelopes are posted
  std::string realm;
  std::string tenant_id;  // only messages of that tenant; empty: all
  std::string group;      // whose messages it shares
  // What signs each request, as whsec_ and base64; the one before it, while that signs as well.
  std::string secret, old_secret = {};
  WallTime old_secret_until{};
  uint32_t in_flight_max = 0;  // requests at a time, of one instance
  // What the key that made it grants its answers.
  bool may_send = false, may_run = false;
  WallTime created_at{};

  friend bool operator==(const Webhook&, const Webhook&) = default;
};

struct WebhookStoreOptions {
  size_t webhooks_max = 1000;  // of all instances together
  size_t realm_max = 100;      // of a realm
};

class WebhookStore {
 public:
  virtual ~WebhookStore() = default;

  // resource_exhausted: there are too many.
  virtual void insert(const Webhook& webhook, Done<void> done) = 0;
  // In place of the one of that id; not_found: it is gone.
  virtual void replace(const Webhook& webhook, Done<void> done) = 0;
  // Answers whether it was there.
  virtual void remove(const std::string& id, Done<bool> done) = 0;
  virtual void find(const std::string& id, Done<Webhook> done) = 0;
  // All there are, by their id.
  virtual void list(Done<std::vector<Webhook>> done) = 0;
  // Called when the list may be another than before, whoever changed it.
  virtual void on_change(std::function<void()> changed) = 0;
};

}  // namespace gw
