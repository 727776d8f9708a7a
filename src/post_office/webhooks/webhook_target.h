// A webhook as an instance serves it.
#pragma once

#include <memory>
#include <string>

#include "core/channel.h"
#include "core/webhook_store.h"
#include "net/stream.h"
#include "post_office/webhooks/callback_url.h"

namespace gw {

struct WebhookTarget {
  Webhook webhook;
  CallbackUrl url;
  ChannelIndex channel = 0;
  std::shared_ptr<TlsTrust> trust;  // null: the callback is no https:// one
  // Owns the runs that it answers: no two processes have one in common, nor two webhooks.
  std::string producer;
};

}  // namespace gw
