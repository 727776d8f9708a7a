// What the Redis engine is told.
#pragma once

#include <string>
#include <vector>

#include "core/presence.h"
#include "core/revocation_store.h"
#include "core/session_store.h"
#include "core/webhook_store.h"
#include "engine/redis/agent_delivery.h"
#include "engine/redis/run_calls.h"
#include "engine/redis/url.h"

namespace gw::redis {

struct EngineOptions {
  std::vector<Url>
      urls;  // one server; or several, each a partition: the same ones in the same order everywhere
  // Of one server or cluster: so many partitions by hash tag. 0: one, whose names have no tag.
  size_t tags = 0;
  std::string ca_file;  // empty: the system's certificates
  std::string key_prefix = "websocket:";
  std::string instance_id;
  PresenceOptions presence;
  SessionStoreOptions sessions;
  RevocationStoreOptions revocations;
  WebhookStoreOptions webhooks;
  AgentDeliveryOptions agents;
  RunStoreOptions runs;
  size_t message_bytes_max = size_t{512} << 10;  // for clients

  size_t partitions() const { return tags > 0 ? tags : urls.size(); }
};

}  // namespace gw::redis
