// The settings of one gateway process. Read at start, and again by a reload, from flags, then GATEWAY_*
// variables, then a TOML file, then the defaults. docs/operations/settings.md lists them all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/time.h"
#include "core/channel_queue.h"
#include "core/connection.h"
#include "core/group_members.h"
#include "core/presence.h"
#include "core/registry.h"
#include "core/revocation_store.h"
#include "core/run/run.h"
#include "core/session_store.h"
#include "engine/redis/agent_delivery.h"
#include "gateway/handshakes.h"
#include "net/http/server.h"
#include "net/listen_address.h"
#include "net/tls_context.h"
#include "ops/telemetry_settings.h"
#include "post_office/webhooks/options.h"
#include "traffic_cop/jwt.h"

namespace gw {

enum class EngineKind { memory, redis };
enum class InboxKind { pubsub, stream };

// A [[api_keys]] entry of the TOML file. The key itself is not kept.
struct ApiKeyConfig {
  std::string name;  // for logs; may be empty
  std::string realm;
  Digest key_sha256{};
  std::vector<std::string> scopes;                   // scope_names(); at least one
  std::optional<std::vector<std::string>> channels;  // of the configured ones; absent: all
  std::optional<std::string> tenant;                 // absent: not bound to one

  friend bool operator==(const ApiKeyConfig&, const ApiKeyConfig&) = default;
};

// Every value has been checked: ranges, grammars, and how settings fit together.
struct Config {
  // The parts of a gateway, with the defaults that they declare themselves.
  ConnectionOptions connection;
  HandshakeOptions handshake;
  AdmissionLimits admission;
  http::ServerOptions http;
  SessionStoreOptions sessions;
  RevocationStoreOptions revocations;
  ChannelQueue::Options queue;
  RunLimits runs;
  WebhookOptions webhooks;
  redis::AgentDeliveryOptions redis_agents;  // but for the queue and whether there is an inbox

  // Addresses.
  std::vector<ListenAddress> listen{{*SocketAddress::parse("127.0.0.1:8000")}};  // at least one
  bool reuse_port = false;                // join a port of `listen` on which another gateway listens
  std::vector<ListenAddress> ops_listen;  // none with proxy_protocol
  std::vector<std::string> tls_certificate_files, tls_key_files;  // as many of both
  TlsContextPtr tls;                                              // of those files; null: there are none
  std::string public_url;  // "ws://" or "wss://" host[:port][/prefix], no trailing slash, without the /ws;
                           // empty: not set
  std::vector<IpNetwork> trusted_proxies;
  size_t shards = 0;        // 0: see shard_count()
  std::string instance_id;  // load() makes one when none is set
  bool instance_id_is_made = false;

  // Clients.
  std::vector<std::string> channels{"guide", "pillar:content", "pillar:insights", "pillar:operations",
                                    "pillar:business_outcomes"};  // 1 to 64, distinct
  std::vector<std::string> anonymous_channels{"*"};               // of `channels`, or "*" for all
  std::vector<std::string> presence_channels;                     // of `channels`, or "*" for all
  size_t presence_max = PresenceOptions().members_max;
  std::vector<std::string> allowed_origins;  // as config/values.h keeps them
  JwtOptions jwt;
  std::vector<std::string> jwt_key_files, jwt_secret_files;
  JwtKeys jwt_keys;              // of those files
  std::string jwt_jwks_url;      // http:// or https://, with a path; empty: nothing is fetched
  std::string jwt_jwks_ca_file;  // for https; empty: the system's certificates
  Duration jwt_jwks_every = 5min;
  bool takes_jwts() const { return !jwt_keys.empty() || !jwt_jwks_url.empty(); }
  size_t max_connections_per_address = 2000;  // such as have shown neither session nor key; 0: no limit

  // Agents and the service API.
  EngineKind engine = EngineKind::memory;
  // One server or several, each a partition. They may hold passwords: never log them.
  std::vector<std::string> redis_urls{"redis://127.0.0.1:6379"};
  size_t redis_partitions = 16;           // of a cluster
  std::string redis_ca_file;              // for rediss://; empty: the system's certificates
  std::string key_prefix = "websocket:";  // of every key and Pub/Sub name in Redis
  InboxKind inbox = InboxKind::stream;
  Duration ack_wait = GroupMembers::kAckWait;  // of both engines
  std::vector<Digest> root_keys;               // SHA-256 of GATEWAY_API_KEY's: every scope, channel and realm
  bool root_key_is_short = false;              // so that it can be guessed
  std::vector<ApiKeyConfig> api_keys;
  // With no key configured (then every address is a loopback one) the gateway makes one at start.
  bool has_api_keys() const { return !root_keys.empty() || !api_keys.empty(); }

  // Consul. Without a URL nothing is registered.
  std::string consul_url;      // "http://" or "https://" host ":" port
  std::string consul_token;    // may do what it may do: never log it
  std::string consul_ca_file;  // for https; empty: the system's certificates
  std::string consul_service = "websocket-gateway";
  std::vector<std::string> consul_tags;
  std::string advertise;  // host[:port], where others reach us; empty: the first of `listen`

  // Plain streams.
  bool streams = true;
  Duration stream_poll_wait = 20s;

  // Operations.
  Duration drain_timeout = 10s;
  bool console = true;
  bool test_endpoints = false;
  log::Options logging;
  TelemetrySettings telemetry;  // from the OTEL_* variables alone
  std::string version;          // of the program

  // What is allowed but probably not meant: log each once at start.
  std::vector<std::string> warnings;
};

// The configured number of shards, or one less than `cores` (at least 1, at most kShardsMax).
size_t shard_count(const Config& config, size_t cores);
inline constexpr size_t kShardsMax = 64;

// What load() looks at: nothing else, so that a test can be any machine.
struct ConfigSources {
  std::vector<std::string> arguments;              // without the program's name
  std::map<std::string, std::string> environment;  // all of it: a misspelt GATEWAY_ variable is a problem
  std::function<Result<std::string>(const std::string& path)> read_file;
  std::string version;      // for --version
  std::string commit = {};  // that it was built from, for --version too; empty: not known

  // The arguments and environment of this process, and its files (of at most 1 MiB).
  static ConfigSources of_process(int argc, const char* const* argv, std::string version, std::string commit);
};

// Print `text` to standard output and exit with 0: --help, --version, --print-config and the others.
struct PrintAndExit {
  std::string text;  // ends with a newline
};

// Print each line to standard error and exit with 2. All there are, never the first alone; no secret in them.
struct ConfigProblems {
  std::vector<std::string> lines;  // at least one; without newlines
};

using LoadedConfig = std::variant<Config, PrintAndExit, ConfigProblems>;

LoadedConfig load_config(const ConfigSources& sources);

// The tables of docs/operations/settings.md, from the same list of settings that flags, variables, file keys,
// --print-config and --help come from.
std::string settings_markdown();

}  // namespace gw
