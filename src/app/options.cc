#include "app/options.h"

#include <algorithm>

#include "app/processors.h"
#include "config/values.h"

namespace gw {

ChannelSet channel_set(const std::vector<std::string>& names, const ChannelTable& channels) {
  ChannelSet set;
  for (const std::string& name : names) {
    if (name == "*") return ChannelSet::all();
    set.add(*channels.find(name));
  }
  return set;
}

namespace {

// Where every envelope that a group may have is kept here anyway, all may wait for a webhook; else others are
// to have what it can't begin.
WebhookOptions webhook_options(const Config& config) {
  WebhookOptions options = config.webhooks;
  options.version = config.version;
  options.ack_wait = config.ack_wait;
  options.circuit.open_time = config.queue.breaker.open_time;
  if (config.engine == EngineKind::redis) return options;
  options.waiting_max = 4 * config.queue.messages;
  options.waiting_bytes_max = 4 * config.queue.bytes;
  return options;
}

// Of all keys, in whatever order they are configured.
Digest ticket_salt(const Config& config) {
  std::vector<Digest> keys = config.root_keys;
  for (const ApiKeyConfig& key : config.api_keys) keys.push_back(key.key_sha256);
  std::sort(keys.begin(), keys.end());
  std::string text;
  for (const Digest& key : keys) text.append(key.begin(), key.end());
  return sha256(text);
}

std::string unbracketed(const std::string& host) {
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

}  // namespace

GatewayOptions gateway_options(const Config& config, const ChannelTable& channels,
                               const EngineTraits& engine) {
  GatewayOptions options;
  options.listen = config.listen;
  options.reuse_port = config.reuse_port;
  const size_t processors = usable_processors();
  options.shards = shard_count(config, processors);
  options.has_own_threads = options.shards > 1 || processors > 1;
  options.admission = config.admission;
  options.ticket_salt = ticket_salt(config);
  ShardOptions& shard = options.shard;
  shard.instance_id = config.instance_id;
  shard.reply_to = engine.reply_to;
  shard.handshake = config.handshake;
  shard.handshake.upgrade.allowed_origins = config.allowed_origins;
  shard.handshake.upgrade.trusted_proxies = config.trusted_proxies;
  // The kernel spreads an address' connections over the shards.
  shard.handshake.strangers_per_address =
      (config.max_connections_per_address + options.shards - 1) / options.shards;
  shard.connection = config.connection;
  shard.tracing = config.telemetry.tracing;
  shard.tls = config.tls;
  shard.anonymous_channels = channel_set(config.anonymous_channels, channels);
  shard.presence_channels = channel_set(config.presence_channels, channels);
  return options;
}

bool is_first_tls(const Config& config) {
  for (const ListenAddress& address : config.listen)
    if (address.ip()) return address.tls;
  return config.listen.front().tls;
}

consul::RegistrarOptions consul_options(const Config& config, const EngineTraits& engine) {
  const Url url = *Url::parse(config.consul_url);
  consul::RegistrarOptions options;
  options.client.server = {unbracketed(url.host), *url.port};
  options.client.tls = {url.scheme == "https", config.consul_ca_file};
  options.token = config.consul_token;
  options.discover = config.public_url.empty();
  options.check.tls = is_first_tls(config);
  options.any_instance = engine.is_shared;
  return options;
}

JwksClientOptions jwks_options(const Config& config) {
  const Url url = *Url::parse(config.jwt_jwks_url);
  JwksClientOptions options;
  options.client.server = {unbracketed(url.host), url.port.value_or(url.scheme == "https" ? 443 : 80)};
  options.client.tls = {url.scheme == "https", config.jwt_jwks_ca_file};
  options.client.timeout = 5s;
  options.target = url.path;
  options.every = config.jwt_jwks_every;
  return options;
}

consul::Service consul_service(const Config& config, const EngineTraits& engine,
                               const SocketAddress& listening) {
  const std::optional<Url> advertised =
      config.advertise.empty() ? std::nullopt : Url::parse("http://" + config.advertise);
  consul::Service service;
  service.id = config.instance_id;
  service.name = config.consul_service;
  service.address = advertised ? unbracketed(advertised->host) : listening.ip.text();
  service.port = advertised ? advertised->port.value_or(listening.port) : listening.port;
  service.tags = config.consul_tags;
  const bool is_secure =
      config.public_url.empty() ? is_first_tls(config) : config.public_url.starts_with("wss://");
  service.meta = {{"version", config.version},
                  {"engine", std::string(engine.kind)},
                  {"scheme", is_secure ? "wss" : "ws"},
                  {"path", "/ws"}};
  if (!config.public_url.empty()) service.meta["public_url"] = config.public_url;
  return service;
}

ServiceApiOptions api_options(const Config& config, const ChannelTable& channels,
                              const std::string& made_key) {
  ServiceApiOptions options;
  options.instance_id = config.instance_id;
  options.version = config.version;
  options.public_url = config.public_url;
  options.allowed_origins = config.allowed_origins;
  options.cookie = config.handshake.upgrade.cookie;
  options.ack_wait = config.ack_wait;
  options.tracing = config.telemetry.tracing;
  // Some of them are connections: half of an outbox is left to what can't be told later.
  options.run_readers.lag_bytes =
      std::min(config.connection.run_lag_bytes, config.connection.outbox_bytes_max / 2);
  if (config.handshake.upgrade.anonymous)
    options.anonymous = channel_set(config.anonymous_channels, channels);
  options.question_bytes_max = config.connection.message_bytes_max;
  options.stream_poll_wait = config.stream_poll_wait;
  options.plain_streams = config.streams;
  options.takes_posts = config.handshake.upgrade.events;
  options.webhooks = webhook_options(config);
  options.console = config.console;
  options.test_endpoints = config.test_endpoints;
  std::vector<Digest> root_keys = config.root_keys;
  if (!made_key.empty()) root_keys.push_back(sha256(made_key));
  for (const Digest& digest : root_keys) {
    ApiKey& key = options.keys.emplace_back();
    key.name = "root";
    key.digest = digest;
    key.scopes = ScopeSet::all();
  }
  for (const ApiKeyConfig& configured : config.api_keys) {
    ApiKey& key = options.keys.emplace_back();
    key.name = configured.name;
    key.digest = configured.key_sha256;
    key.realm = configured.realm;
    key.tenant_id = configured.tenant.value_or("");
    for (const std::string& scope : configured.scopes) key.scopes.add(*parse_scope(scope));
    if (!configured.channels) continue;
    key.channels = ChannelSet();
    for (const std::string& channel : *configured.channels) key.channels.add(*channels.find(channel));
  }
  return options;
}

http::ServerOptions http_options(const Config& config) {
  http::ServerOptions options = config.http;
  options.trusted_proxies = config.trusted_proxies;
  options.tls = config.tls;
  options.address_connections_max = config.max_connections_per_address;
  if (config.handshake.upgrade.events) options.upgrade_paths.emplace_back(kEventsPath);
  options.always_paths = {"/health/live", "/health/websocket-gateway", "/api/health/websocket-gateway"};
  return options;
}

}  // namespace gw
