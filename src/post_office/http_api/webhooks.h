// Webhooks over HTTP: POST …/subscribe makes one, …/subscribe/{id} is one, …/subscriptions lists them.
#pragma once

#include "post_office/http_api/routes.h"
#include "post_office/webhooks/webhooks.h"

namespace gw::http_api {

struct WebhookCalls {
  Webhooks& webhooks;
  const ChannelTable& channels;
  EventLoop& loop;
};

// `calls` outlives the routes.
void add_webhook_routes(Routes& routes, const WebhookCalls& calls);

}  // namespace gw::http_api
