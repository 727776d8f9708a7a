// The names of everything in Redis (docs/PROTOCOL.md, "Redis"). What comes from outside and stands in a name
// has been checked before (base/ids.h): it holds no character that could end one part and begin another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/user_id.h"

namespace gw::redis {

// Pub/Sub knows no databases: what keeps the keys of two apart has to stand in its names.
inline std::string pubsub_prefix(std::string prefix, uint32_t database) {
  if (database != 0) prefix.append("@").append(std::to_string(database)).append(":");
  return prefix;
}

class Keys {
 public:
  Keys(const std::string& prefix, std::string_view instance, uint32_t database)
      : prefix_(prefix), pubsub_prefix_(redis::pubsub_prefix(prefix, database)), instance_(instance) {}

  const std::string& prefix() const { return prefix_; }  // of keys: it holds no '@'
  const std::string& pubsub_prefix() const { return pubsub_prefix_; }
  const std::string& instance() const { return instance_; }

  // Pub/Sub.
  std::string agents(std::string_view channel) const { return pubsub_prefix_ + std::string(channel); }
  // For agents that are bound to a tenant.
  std::string agents(std::string_view channel, std::string_view tenant) const {
    return heard("channel:", channel, ":tenant:") + std::string(tenant);
  }
  std::string fanout(std::string_view channel) const { return heard("fanout:", channel); }
  std::string gateway(std::string_view instance) const { return heard("gateway:", instance); }
  std::string session_changed() const { return pubsub_prefix_ + "session:changed"; }
  // What scripts tell of an inbox, each with a word behind it (inbox_scripts.cc).
  std::string inbox_notices(std::string_view channel) const { return heard("inbox:", channel); }

  // Keys.
  std::string connection(std::string_view id) const { return join("connection:", id, ""); }
  std::string user_connections(std::string_view user) const {
    return join("user:", encode_user_id(user), ":connections");
  }
  std::string channel_connections(std::string_view channel) const {
    return join("channel:", channel, ":connections");
  }
  std::string session_connections(std::string_view ref) const {
    return join("session:", ref, ":connections");
  }
  std::string tenant_connections(std::string_view tenant) const {
    return join("tenant:", tenant, ":connections");
  }
  std::string gateway_connections(std::string_view instance) const {
    return join("gateway:", instance, ":connections");
  }
  // Never there: what would be refused of a write is refused of one that asks for it.
  std::string probe(std::string_view instance) const { return join("gateway:", instance, ":probe"); }
  // Connections of the instance that have to close, with the code.
  std::string gateway_evicted(std::string_view instance) const {
    return join("gateway:", instance, ":evicted");
  }
  std::string users() const { return prefix_ + "users"; }
  std::string session(std::string_view key_hex) const { return join("session:", key_hex, ""); }
  std::string message_id(std::string_view digest_hex) const { return join("session:id:", digest_hex, ""); }
  std::string inbox(std::string_view channel) const { return join("inbox:", channel, ""); }
  // What scripts keep of an inbox, each key with a word behind it (inbox_scripts.cc).
  std::string inbox_state(std::string_view channel) const { return join("channel:", channel, ":inbox:"); }
  std::string parked() const { return prefix_ + "parked"; }  // the channels that have some
  std::string parked(std::string_view channel) const { return join("channel:", channel, ":parked"); }

 private:
  std::string join(std::string_view kind, std::string_view name, std::string_view rest) const {
    return concat(prefix_, kind, name, rest);
  }
  std::string heard(std::string_view kind, std::string_view name, std::string_view rest = "") const {
    return concat(pubsub_prefix_, kind, name, rest);
  }
  static std::string concat(std::string_view prefix, std::string_view kind, std::string_view name,
                            std::string_view rest) {
    std::string out;
    out.reserve(prefix.size() + kind.size() + name.size() + rest.size());
    return out.append(prefix).append(kind).append(name).append(rest);
  }

  const std::string prefix_;
  const std::string pubsub_prefix_;
  const std::string instance_;
};

}  // namespace gw::redis
