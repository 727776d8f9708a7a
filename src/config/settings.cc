#include "config/settings.h"

#include "base/ids.h"
#include "config/jwt_settings.h"
#include "config/kinds.h"
#include "config/redis_settings.h"
#include "config/run_settings.h"
#include "config/tls_settings.h"
#include "config/webhook_settings.h"
#include "engine/redis/keys.h"

namespace gw {
namespace {

using Group = SettingGroup;

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;
constexpr size_t GiB = 1024 * MiB;

// ---- values of their own kind

SettingValue addresses(std::vector<ListenAddress> Config::*member, size_t min) {
  auto value = kinds::list(
      member, {.min = min, .max = 16}, [](const std::string& text) { return ListenAddress::parse(text); },
      [](const ListenAddress& address) { return address.text(); },
      [](const ListenAddress& a, const ListenAddress& b) { return a.same_place(b); });
  value.placeholder = "ADDRESS";
  value.expected = "HOST:PORT, unix:/PATH[?mode=0660] or systemd[:NAME]";
  return value;
}

std::optional<std::string> parse_channel(const std::string& text) {
  return is_valid_channel(text) && !redis::Keys::is_reserved(text) ? std::optional(text) : std::nullopt;
}

SettingValue channels() {
  auto value = kinds::list(
      &Config::channels, {.min = 1, .max = 64}, &parse_channel, [](const std::string& name) { return name; },
      std::equal_to<>());
  value.placeholder = "NAME,...";
  value.expected =
      "1 to 64 names of up to 64 characters a-z 0-9 _ . : - (not events, and none that begins with "
      "fanout:, gateway:, connection:, channel:, user:, session: or inbox:)";
  return value;
}

// Out of those there are.
SettingValue some_channels(std::vector<std::string> Config::*member) {
  auto value = kinds::list(
      member, {},
      [](const std::string& text) { return text == "*" ? std::optional(text) : parse_channel(text); },
      [](const std::string& name) { return name; }, std::equal_to<>());
  value.placeholder = "NAME,...";
  value.expected = "names out of channels; or * for all of them";
  return value;
}

SettingValue cookie() {
  return kinds::text({&Config::handshake, &HandshakeOptions::upgrade, &UpgradeOptions::cookie}, "NAME",
                     "1 to 128 characters A-Z a-z 0-9 . _ -, as __Host-session", [](std::string_view text) {
                       const bool is_name = is_valid_name(text) && text.find_first_of("@+=") == text.npos;
                       return is_name ? std::optional<std::string>(text) : std::nullopt;
                     });
}

SettingValue origins() {
  auto value = kinds::list(
      &Config::allowed_origins, {.max = 256}, [](const std::string& text) { return parse_origin(text); },
      [](const std::string& origin) { return origin; }, std::equal_to<>());
  value.placeholder = "ORIGIN";
  value.expected =
      "scheme://host[:port] without a path, as https://app.example.org or https://*.example.org; or * for "
      "any";
  return value;
}

SettingValue networks() {
  auto value = kinds::list(
      &Config::trusted_proxies, {.max = 256}, [](const std::string& text) { return IpNetwork::parse(text); },
      [](const IpNetwork& network) { return network.text(); }, std::equal_to<>());
  value.placeholder = "CIDR";
  value.expected = "an IP address or network without host bits, as 10.0.0.0/8, 192.168.1.7 or fd00::/8";
  return value;
}

SettingValue instance_id() {
  return kinds::text(&Config::instance_id, "NAME", "1 to 128 characters A-Z a-z 0-9 . _ @ + = -",
                     [](std::string_view text) {
                       return is_valid_name(text) ? std::optional<std::string>(text) : std::nullopt;
                     });
}

SettingValue public_url() {
  return kinds::text(&Config::public_url, "URL", "wss://host[:port][/prefix]; ws, https and http do too",
                     &parse_public_url);
}

template <bool (*is_good)(std::string_view)>
std::optional<std::string> accepted(std::string_view text) {
  return is_good(text) ? std::optional<std::string>(text) : std::nullopt;
}

SettingValue consul_tags() {
  auto value = kinds::list(
      &Config::consul_tags, {.max = 64},
      [](const std::string& text) { return accepted<is_consul_tag>(text); },
      [](const std::string& tag) { return tag; }, std::equal_to<>());
  value.placeholder = "TAG,...";
  value.expected = "up to 64 tags of up to 255 visible ASCII characters without commas";
  return value;
}

SettingValue test_endpoints() {
  SettingValue value = kinds::on_off(&Config::test_endpoints);
  value.bare_flag = true;
  return value;
}

SettingValue log_level() {
  static_assert(static_cast<int>(log::Level::debug) == 0 && static_cast<int>(log::Level::error) == 3);
  return kinds::choice<log::Level>({&Config::logging, &log::Options::level},
                                   {"debug", "info", "warn", "error"});
}

SettingValue log_format() {
  static_assert(static_cast<int>(log::Format::text) == 0 && static_cast<int>(log::Format::json) == 1);
  return kinds::choice<log::Format>({&Config::logging, &log::Options::format}, {"text", "json"});
}

// ---- the list, a function for each group

void add_addresses(std::vector<Setting>& out) {
  const Group group = Group::addresses;
  out.push_back(
      {"listen", group,
       "Where clients and agents connect: HOST:PORT (port 0 picks a free one, and [::] takes IPv4 too), "
       "unix:/PATH, or systemd for sockets that it holds; with ?proxy_protocol behind it trusted proxies say "
       "first whom they speak for, and with ?tls it is for https:// and wss:// alone",
       "", addresses(&Config::listen, 1)});
  out.push_back({"reuse-port", group,
                 "Join another gateway of the same user on its port, and share new connections with it", "",
                 kinds::on_off(&Config::reuse_port)});
  out.push_back({"ops-listen", group,
                 "A separate address for health and metrics, meant for the inside: it asks for no key",
                 "none", addresses(&Config::ops_listen, 0)});
  add_tls_settings(out);
  out.push_back({"public-url", group,
                 "How clients reach this gateway, without the /ws; the Post Office hands it out",
                 "the request's Host", public_url()});
  out.push_back({"trusted-proxy", group, "Whose forwarded headers, and PROXY headers, are believed", "nobody",
                 networks()});
  out.push_back({"shards", group,
                 "Threads that serve WebSockets; 0 means one less than the processors it may use", "",
                 kinds::count(&Config::shards, size_t{0}, kShardsMax)});
  out.push_back({"instance-id", group, "The name of this instance, unlike any other's",
                 "ws-gateway- and 12 random digits, made at start", instance_id()});
}

void add_clients(std::vector<Setting>& out) {
  const Group group = Group::clients;
  out.push_back(
      {"session-policy", group, "Whether a client without a valid session is refused or anonymous", "",
       kinds::choice<bool>({&Config::handshake, &HandshakeOptions::upgrade, &UpgradeOptions::anonymous},
                           {"required", "optional"})});
  out.push_back({"channels", group, "The channels there are", "", channels()});
  out.push_back({"anonymous-channels", group,
                 "Those that a client without a session may use, with session-policy optional", "none",
                 some_channels(&Config::anonymous_channels)});
  out.push_back(
      {"presence", group,
       "Channels on which clients with a session may ask who of their tenant is there, and watch who "
       "comes and goes",
       "none", some_channels(&Config::presence_channels)});
  out.push_back({"presence-max", group,
                 "Places (a user on an instance) of one channel and tenant that are listed; where there are "
                 "more, nobody is told of joins and leaves",
                 "", kinds::count(&Config::presence_max, size_t{1}, size_t{10'000})});
  out.push_back({"cookie", group,
                 "The cookie that may hold a client's token, where an Origin says whose page it is", "none",
                 cookie()});
  out.push_back({"allowed-origin", group, "Web origins besides the gateway's own whose pages may connect",
                 "none", origins()});
  out.push_back({"sse-fallback", group,
                 "Serve clients whose WebSockets are blocked, at /connection/sse and /connection/send", "",
                 kinds::on_off({&Config::handshake, &HandshakeOptions::upgrade, &UpgradeOptions::events})});
  out.push_back(
      {"compression", group, "Offer permessage-deflate", "",
       kinds::on_off({&Config::handshake, &HandshakeOptions::upgrade, &UpgradeOptions::compression})});
  out.push_back({"max-connections", group, "Connections on this instance", "",
                 kinds::count({&Config::admission, &AdmissionLimits::total}, size_t{1}, size_t{10'000'000})});
  out.push_back(
      {"max-connections-per-user", group,
       "Connections of one user of one tenant on all instances together; 0: no limit", "",
       kinds::count({&Config::admission, &AdmissionLimits::per_user}, size_t{0}, size_t{1'000'000})});
  out.push_back({"max-connections-per-address", group,
                 "Connections of one address that have shown neither a session nor a key; 0: no limit", "",
                 kinds::count(&Config::max_connections_per_address, size_t{0}, size_t{10'000'000})});
}

// What one connection may do, and how long its silences may be.
void add_connection(std::vector<Setting>& out) {
  const Group group = Group::clients;
  out.push_back({"max-message-bytes", group, "Largest message a client may send", "",
                 kinds::size({&Config::connection, &ConnectionOptions::message_bytes_max}, 128, 64 * MiB)});
  out.push_back(
      {"message-rate", group, "Messages a second from one connection; 0: no limit", "",
       kinds::count({&Config::connection, &ConnectionOptions::rate, &RateLimit::per_second}, 0.0, 1e6)});
  out.push_back({"message-burst", group, "Messages a connection may send at once before the rate counts", "",
                 kinds::count({&Config::connection, &ConnectionOptions::rate, &RateLimit::burst}, 0.0, 1e6)});
  out.push_back(
      {"rate-action", group,
       "Above the rate: stop reading until it is kept (pause), or answer rate_limited and close "
       "after 10 s of it",
       "", kinds::choice<bool>({&Config::connection, &ConnectionOptions::rate_closes}, {"pause", "close"})});
  out.push_back({"outbox-bytes", group,
                 "Unsent bytes kept for one connection; a slower reader is closed with 4008", "",
                 kinds::size({&Config::connection, &ConnectionOptions::outbox_bytes_max}, 1 * KiB, 1 * GiB)});
  out.push_back({"heartbeat-interval", group, "Time between pings", "",
                 kinds::duration({&Config::connection, &ConnectionOptions::heartbeat_interval}, 100ms, 1h)});
  out.push_back({"idle-timeout", group, "Silence, pongs included, after which a client is evicted with 4009",
                 "", kinds::duration({&Config::connection, &ConnectionOptions::idle_timeout}, 100ms, 24h)});
  out.push_back({"handshake-timeout", group, "From accepting a connection to the end of its upgrade", "",
                 kinds::duration({&Config::handshake, &HandshakeOptions::timeout}, 100ms, 10min)});
  out.push_back({"message-timeout", group, "From the first byte of a message to its last", "",
                 kinds::duration({&Config::connection, &ConnectionOptions::message_timeout}, 100ms, 1h)});
  out.push_back({"close-timeout", group, "From our close frame to the client's", "",
                 kinds::duration({&Config::connection, &ConnectionOptions::close_timeout}, 100ms, 10min)});
}

void add_sessions(std::vector<Setting>& out) {
  const Group group = Group::sessions;
  out.push_back({"max-sessions", group,
                 "Sessions kept, of all instances together; when they are as many, ended ones go first", "",
                 kinds::count({&Config::sessions, &SessionStoreOptions::sessions_max}, size_t{1},
                              size_t{100'000'000})});
  out.push_back({"max-sessions-per-tenant", group, "The same of each tenant", "",
                 kinds::count({&Config::sessions, &SessionStoreOptions::tenant_sessions_max}, size_t{1},
                              size_t{100'000'000})});
  out.push_back({"session-retention", group,
                 "How long an ended session can still be read, if its place is not needed", "",
                 kinds::duration({&Config::sessions, &SessionStoreOptions::retention}, 0s, 720h)});
}

void add_agents(std::vector<Setting>& out) {
  const Group group = Group::agents;
  out.push_back({"engine", group,
                 "Where sessions and messages between instances live: in this process, or in Redis for many "
                 "instances",
                 "", kinds::choice<EngineKind>(&Config::engine, {"memory", "redis"})});
  add_redis_settings(out);
  out.push_back(
      {"inbox", group,
       "How agents get messages: to whoever listens, or kept in a Redis stream until acknowledged; on "
       "the memory engine both are the same",
       "", kinds::choice<InboxKind>(&Config::inbox, {"pubsub", "stream"})});
  out.push_back(
      {"inbox-size", group, "Messages that a channel's stream may hold; above it clients are refused", "",
       kinds::count(
           {&Config::redis_agents, &redis::AgentDeliveryOptions::sender, &redis::SenderOptions::inbox_size},
           size_t{1}, size_t{100'000'000})});
  out.push_back(
      {"inbox-age", group, "How long a message stays in a channel's stream", "",
       kinds::duration({&Config::redis_agents, &redis::AgentDeliveryOptions::inbox_age}, 1s, 720h)});
  out.push_back({"ack-wait", group,
                 "How long a group's message may stay unacknowledged before another agent gets it", "",
                 kinds::duration(&Config::ack_wait, 1s, 1h)});
  out.push_back({"inbox-replicas", group,
                 "Replicas of Redis that must have a message of the stream before it counts as published", "",
                 kinds::count({&Config::redis_agents, &redis::AgentDeliveryOptions::inbox_replicas},
                              size_t{0}, size_t{16})});
  out.push_back(
      {"circuit-open-time", group,
       "How long a channel rests after five failures of Redis in a row, and a webhook after five of its own",
       "",
       kinds::duration({&Config::queue, &ChannelQueue::Options::breaker, &CircuitBreaker::Options::open_time},
                       100ms, 1h)});
}

// What waits for agents in this process, and what their streams and calls may hold.
void add_buffers(std::vector<Setting>& out) {
  const Group group = Group::agents;
  out.push_back(
      {"queue-size", group, "Messages that one client may leave waiting on a channel without an agent", "",
       kinds::count({&Config::queue, &ChannelQueue::Options::messages}, size_t{1}, size_t{10'000'000})});
  out.push_back({"queue-bytes", group, "Their bytes", "",
                 kinds::size({&Config::queue, &ChannelQueue::Options::bytes}, 1 * KiB, 16 * GiB)});
  out.push_back({"queue-age", group, "How long a message waits for an agent", "",
                 kinds::duration({&Config::queue, &ChannelQueue::Options::age}, 100ms, 24h)});
  out.push_back({"agent-buffer-bytes", group, "Unsent bytes kept for one agent's event stream", "",
                 kinds::size({&Config::http, &http::ServerOptions::stream_bytes_max}, 4 * KiB, 4 * GiB)});
  out.push_back({"api-body-bytes", group, "Largest body of a service API request", "",
                 kinds::size({&Config::http, &http::ServerOptions::body_bytes_max}, 1 * KiB, 64 * MiB)});
}

void add_consul(std::vector<Setting>& out) {
  const Group group = Group::consul;
  out.push_back({"consul-url", group, "The Consul agent to register with", "nothing is registered",
                 kinds::text(&Config::consul_url, "URL", "http://host[:port] or https://host[:port]",
                             &parse_consul_url)});
  out.push_back({"consul-ca-file", group, "Whose certificates an https:// Consul must have", "the system's",
                 kinds::file(&Config::consul_ca_file)});
  out.push_back({"consul-service", group, "The name to register under; gateways of one name share one Redis",
                 "",
                 kinds::text(&Config::consul_service, "NAME", "1 to 63 characters A-Z a-z 0-9 -",
                             &accepted<is_consul_service>)});
  out.push_back({"consul-tags", group, "Tags of the registration", "none", consul_tags()});
  out.push_back(
      {"advertise", group, "Where Consul and clients that it sends reach this instance",
       "the first address of listen",
       kinds::text(&Config::advertise, "HOST[:PORT]",
                   "a host name or an IP address of one machine, and a port when it is another than "
                   "that of listen",
                   &parse_advertise)});
}

void add_operations(std::vector<Setting>& out) {
  const Group group = Group::operations;
  out.push_back({"drain-timeout", group, "The most that sending clients away may take at shutdown", "",
                 kinds::duration(&Config::drain_timeout, 0s, 10min)});
  out.push_back({"console", group, "Serve the console at /", "", kinds::on_off(&Config::console)});
  out.push_back({"test-endpoints", group, "Serve /api/test/ for black-box suites; loopback only", "",
                 test_endpoints()});
  out.push_back({"log-level", group, "The least that is logged", "", log_level()});
  out.push_back({"log-format", group, "Lines of key=value, or of JSON", "", log_format()});
}

std::string renamed(std::string_view prefix, std::string_view name, bool upper) {
  std::string out(prefix);
  for (const char c : name) {
    const bool raise = upper && c >= 'a' && c <= 'z';
    out.push_back(c == '-' ? '_' : raise ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return out;
}

}  // namespace

std::string_view title(SettingGroup group) {
  constexpr std::string_view kTitles[kSettingGroups] = {
      "Addresses", "Clients", "Sessions", "Agents and the service API", "Runs", "Consul", "Operations"};
  return kTitles[static_cast<size_t>(group)];
}

std::string flag_of(std::string_view name) { return "--" + std::string(name); }
std::string variable_of(std::string_view name) { return renamed("GATEWAY_", name, true); }
std::string key_of(std::string_view name) { return renamed("", name, false); }

std::string Setting::flag() const { return flag_of(name); }
std::string Setting::variable() const { return variable_of(name); }
std::string Setting::key() const { return key_of(name); }

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = [] {
    std::vector<Setting> list;
    add_addresses(list);
    add_clients(list);
    add_connection(list);
    add_sessions(list);
    add_jwt_settings(list);
    add_agents(list);
    add_buffers(list);
    add_webhook_settings(list);
    add_runs(list);
    add_consul(list);
    add_operations(list);
    return list;
  }();
  return all;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : settings())
    if (setting.name == name) return &setting;
  return nullptr;
}

}  // namespace gw
