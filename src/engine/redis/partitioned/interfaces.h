// The interfaces of an engine of several partitions. Control loop only.
#pragma once

#include "engine/redis/partitioned/agent_delivery.h"
#include "engine/redis/partitioned/client_delivery.h"
#include "engine/redis/partitioned/presence.h"
#include "engine/redis/partitioned/registry.h"
#include "engine/redis/partitioned/revocation_store.h"
#include "engine/redis/partitioned/session_store.h"

namespace gw::redis::partitioned {

struct Interfaces {
  // They outlive it.
  Interfaces(EventLoop& loop, const Partitions& partitions)
      : agents(partitions),
        presence(partitions),
        registry(loop, partitions),
        clients(partitions, registry),
        sessions(partitions),
        revocations(partitions, sessions.questions()) {}

  AgentDelivery agents;
  Presence presence;
  Registry registry;
  ClientDelivery clients;
  SessionStore sessions;
  RevocationStore revocations;
};

}  // namespace gw::redis::partitioned
