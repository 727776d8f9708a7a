#include "config/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/ids.h"
#include "config/config_testing.h"
#include "config/settings.h"

namespace gw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> shown(std::string_view name, const Config& config) {
  return find_setting(name)->value.show(config);
}

// ---- where values come from

TEST(Config, WithoutAnySourceTheDefaultsHold) {
  const Config config = good(with_flags({}));
  for (const Setting& setting : settings()) {
    if (setting.name == "instance-id") continue;
    EXPECT_EQ(setting.value.show(config), setting.value.show(Config{})) << setting.name;
  }
  EXPECT_FALSE(config.has_api_keys());
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(Config, TheDefaultsAreTheContracts) {
  const Config config;
  EXPECT_EQ(shown("listen", config), std::vector<std::string>{"127.0.0.1:8000"});
  EXPECT_THAT(config.channels, ElementsAre("guide", "pillar:content", "pillar:insights", "pillar:operations",
                                           "pillar:business_outcomes"));
  EXPECT_EQ(config.admission.total, 100'000u);
  EXPECT_EQ(config.admission.per_user, 5u);
  EXPECT_EQ(config.connection.message_bytes_max, 65'536u);
  EXPECT_EQ(config.connection.rate.per_second, 100);
  EXPECT_EQ(config.connection.rate.burst, 200);
  EXPECT_EQ(config.connection.outbox_bytes_max, 1'048'576u);
  EXPECT_EQ(config.connection.run_lag_bytes, 65'536u);
  EXPECT_EQ(config.runs.run_bytes, 1'048'576u);
  EXPECT_EQ(config.runs.store_bytes, 1u << 30);
  EXPECT_EQ(config.runs.open_runs_per_user, 32u);
  EXPECT_EQ(config.runs.retention, 1h);
  EXPECT_EQ(config.queue.messages, 1000u);
  EXPECT_EQ(config.queue.bytes, 16u << 20);
  EXPECT_EQ(config.queue.age, 300s);
  EXPECT_EQ(config.connection.heartbeat_interval, 30s);
  EXPECT_EQ(config.connection.idle_timeout, 300s);
  EXPECT_FALSE(config.handshake.upgrade.compression);
}

TEST(Config, AMadeInstanceIdIsAValidNameAndNeverTheSame) {
  const std::string one = good(with_flags({})).instance_id;
  EXPECT_TRUE(is_valid_name(one)) << one;
  EXPECT_THAT(one, testing::MatchesRegex("ws-gateway-[0-9a-f]{12}"));
  EXPECT_NE(one, good(with_flags({})).instance_id);
  EXPECT_EQ(good(with_flags({"--instance-id", "gw-1"})).instance_id, "gw-1");
}

TEST(Config, FlagsComeBeforeVariablesBeforeTheFile) {
  Machine machine;
  machine.environment["GATEWAY_CONFIG"] = "gateway.toml";
  machine.file = "queue_size = 1";
  EXPECT_EQ(good(machine.load()).queue.messages, 1u);
  machine.environment["GATEWAY_QUEUE_SIZE"] = "2";
  EXPECT_EQ(good(machine.load()).queue.messages, 2u);
  machine.arguments = {"--queue-size", "3"};
  EXPECT_EQ(good(machine.load()).queue.messages, 3u);
}

TEST(Config, AListOfAStrongerSourceReplacesTheWeaker) {
  Machine machine{
      {"--config=gateway.toml", "--channels", "c,d"}, {{"GATEWAY_CHANNELS", "b"}}, "channels = [\"a\"]"};
  EXPECT_THAT(good(machine.load()).channels, ElementsAre("c", "d"));
}

TEST(Config, TheFlagForTheFileComesBeforeItsVariable) {
  const Machine machine{{"--config", "gateway.toml"}, {{"GATEWAY_CONFIG", "elsewhere.toml"}}, "shards = 2"};
  EXPECT_EQ(good(machine.load()).shards, 2u);
}

TEST(Config, AnEmptyVariableIsNotSet) {
  const Machine machine{{}, {{"GATEWAY_SHARDS", ""}, {"GATEWAY_API_KEY", ""}, {"GATEWAY_NONSENSE", ""}}, ""};
  EXPECT_FALSE(good(machine.load()).has_api_keys());
}

TEST(Config, ARepeatedFlagAddsToAListAndElseTheLastCounts) {
  const Config config = good(with_flags({"--allowed-origin", "https://a.example", "--shards=1",
                                         "--allowed-origin", "https://b.example", "--shards", "2"}));
  EXPECT_THAT(config.allowed_origins, ElementsAre("https://a.example", "https://b.example"));
  EXPECT_EQ(config.shards, 2u);
}

// Every setting, from every source, to a value that is not its default.
struct Example {
  const char* name;
  const char* text;
};
constexpr Example kExamples[] = {
    {"listen", "127.0.0.2:0"},
    {"reuse-port", "on"},
    {"ops-listen", "127.0.0.1:9000"},
    {"public-url", "wss://chat.example.org/x"},
    {"trusted-proxy", "10.0.0.0/8"},
    {"shards", "7"},
    {"instance-id", "gw-7"},
    {"session-policy", "optional"},
    {"channels", "support"},
    {"anonymous-channels", "guide"},
    {"presence", "guide"},
    {"presence-max", "99"},
    {"sse-fallback", "off"},
    {"cookie", "__Host-session"},
    {"allowed-origin", "https://app.example.org"},
    {"compression", "on"},
    {"max-connections", "10"},
    {"max-connections-per-user", "0"},
    {"max-connections-per-address", "0"},
    {"jwt-key", "public.pem"},
    {"jwt-secret-file", "secret.key"},
    {"jwt-jwks-url", "https://issuer.example.org/keys?v=1"},
    {"jwt-jwks-ca-file", "/etc/ca.pem"},
    {"jwt-jwks-every", "1m"},
    {"jwt-issuer", "https://issuer.example.org"},
    {"jwt-audience", "gateway"},
    {"jwt-leeway", "0s"},
    {"jwt-life-max", "1h"},
    {"max-revocations", "7"},
    {"jwt-user-claim", "uid"},
    {"jwt-tenant-claim", "org"},
    {"jwt-channels-claim", "https://app.example.org/channels"},
    {"max-message-bytes", "2MiB"},
    {"message-rate", "0"},
    {"message-burst", "1"},
    {"rate-action", "close"},
    {"outbox-bytes", "4MiB"},
    {"heartbeat-interval", "500ms"},
    {"idle-timeout", "4s"},
    {"handshake-timeout", "1s"},
    {"message-timeout", "2s"},
    {"close-timeout", "3s"},
    {"max-sessions", "9"},
    {"max-sessions-per-tenant", "7"},
    {"session-retention", "0s"},
    {"engine", "redis"},
    {"redis-url", "redis://cache:6379/1"},
    {"redis-partitions", "8"},
    {"redis-ca-file", "/etc/ca.pem"},
    {"key-prefix", "ws:"},
    {"inbox", "pubsub"},
    {"inbox-size", "5"},
    {"inbox-age", "1h"},
    {"inbox-replicas", "2"},
    {"circuit-open-time", "1s"},
    {"queue-size", "8"},
    {"queue-bytes", "3KiB"},
    {"queue-age", "2m"},
    {"agent-buffer-bytes", "1GiB"},
    {"ack-wait", "45s"},
    {"api-body-bytes", "2KiB"},
    {"webhook-hosts", "agents.internal:8443=10.0.0.0/8"},
    {"webhook-ca-file", "/etc/ca.pem"},
    {"webhook-timeout", "3s"},
    {"webhook-attempts", "4"},
    {"run-bytes", "2MiB"},
    {"run-store-bytes", "2MiB"},
    {"run-cache-bytes", "3MiB"},
    {"run-retention", "168h"},
    {"run-start-timeout", "30s"},
    {"run-cancel-grace", "0s"},
    {"run-lag-bytes", "1KiB"},
    {"max-open-runs", "5"},
    {"max-open-runs-per-user", "6"},
    {"max-open-runs-per-realm", "7"},
    {"streams", "off"},
    {"stream-poll-wait", "500ms"},
    {"consul-url", "https://consul.example:8501"},
    {"consul-ca-file", "/etc/consul-ca.pem"},
    {"consul-service", "chat-gateway"},
    {"consul-tags", "eu"},
    {"advertise", "10.0.0.7:8000"},
    {"drain-timeout", "1500ms"},
    {"console", "off"},
    {"test-endpoints", "on"},
    {"log-level", "debug"},
    {"log-format", "json"},
};

// Neither goes without the other.
constexpr std::pair<const char*, const char*> kPair[] = {{"tls-certificate", "server.crt"},
                                                         {"tls-key", "server.key"}};

TEST(Config, ACertificateComesWithItsKeyFromEverySource) {
  Machine flags, variables, file{{"--config", "gateway.toml"}, {}, ""};
  for (const auto& [name, path] : kPair) {
    const Setting& setting = *find_setting(name);
    flags.arguments.insert(flags.arguments.end(), {setting.flag(), path});
    variables.environment.emplace(setting.variable(), path);
    file.file += fmt::format("{} = \"{}\"\n", setting.key(), path);
    EXPECT_FALSE(problems(with_flags({setting.flag(), path})).empty()) << name;
  }
  for (const Machine* const machine : {&flags, &variables, &file}) {
    const Config config = good(machine->load());
    ASSERT_NE(config.tls, nullptr);
    EXPECT_TRUE(config.tls->certificates().front().is_for("a.example"));
    for (const auto& [name, path] : kPair) EXPECT_EQ(shown(name, config), std::vector<std::string>{path});
  }
}

TEST(Config, EverySettingCanComeFromEverySource) {
  ASSERT_EQ(std::size(kExamples) + std::size(kPair), settings().size());
  for (const auto& [name, text] : kExamples) {
    const Setting* setting = find_setting(name);
    ASSERT_NE(setting, nullptr) << name;
    const std::vector<std::string> expected{text};
    if (setting->name != "engine") {
      EXPECT_NE(setting->value.show(Config{}), expected) << name;
    }
    EXPECT_EQ(shown(name, good(with_flags({setting->flag(), text}))), expected) << name;
    EXPECT_EQ(shown(name, good(with_flags({setting->flag() + "=" + text}))), expected) << name;
    EXPECT_EQ(shown(name, good(Machine{{}, {{setting->variable(), text}}, ""}.load())), expected) << name;
    EXPECT_EQ(shown(name, good(with_file(fmt::format("{} = \"{}\"", setting->key(), text)))), expected)
        << name;
    EXPECT_EQ(shown(name, good(with_file(fmt::format("{} = \"{}\"", setting->name, text)))), expected)
        << name;
  }
}

TEST(Config, TheFileTakesTomlsOwnTypes) {
  const Config config =
      good(with_file("heartbeat_interval = 2\n"
                     "idle_timeout = 4.5\n"
                     "max_message_bytes = 4096\n"
                     "compression = true\n"
                     "test_endpoints = false\n"
                     "listen = ['127.0.0.1:0', '[::1]:0']\n"
                     "channels = 'a, b'\n"
                     "ops_listen = []\n"));
  EXPECT_EQ(config.connection.heartbeat_interval, 2s);
  EXPECT_EQ(config.connection.idle_timeout, 4500ms);
  EXPECT_EQ(config.connection.message_bytes_max, 4096u);
  EXPECT_TRUE(config.handshake.upgrade.compression);
  EXPECT_FALSE(config.test_endpoints);
  EXPECT_EQ(config.listen.size(), 2u);
  EXPECT_THAT(config.channels, ElementsAre("a", "b"));
}

TEST(Config, ABareFlagMeansOn) {
  EXPECT_TRUE(good(with_flags({"--test-endpoints"})).test_endpoints);
  EXPECT_TRUE(good(with_flags({"--test-endpoints", "--shards", "1"})).test_endpoints);
  EXPECT_FALSE(good(with_flags({"--test-endpoints=off"})).test_endpoints);
}

TEST(Config, AFileMayBeginWithAByteOrderMark) {
  EXPECT_EQ(good(with_file("\xef\xbb\xbfshards = 2")).shards, 2u);
  EXPECT_THAT(problems(with_file("shards = 2\n\xef\xbb\xbf")), ElementsAre(HasSubstr("not ASCII")));
}

TEST(Config, VariablesOfOurToolsArePassedOver) {
  good(Machine{{}, {{"GATEWAY_URL", "http://127.0.0.1:8000"}, {"GATEWAY_BINARY", "build/x"}}, ""}.load());
  EXPECT_THAT(problems(Machine{{}, {{"GATEWAY_URI", "x"}}, ""}.load()),
              ElementsAre(HasSubstr("unknown setting")));
}

TEST(Config, ABareIpv6AddressCanBeAdvertised) {
  EXPECT_EQ(good(with_flags({"--advertise", "fd00::7"})).advertise, "[fd00::7]");
  EXPECT_EQ(good(with_flags({"--advertise", "[fd00::7]:81"})).advertise, "[fd00::7]:81");
  EXPECT_THAT(problems(with_flags({"--advertise", "::"})), ElementsAre(HasSubstr("advertise")));
  EXPECT_THAT(problems(with_flags({"--advertise", "a:b:c"})), ElementsAre(HasSubstr("advertise")));
}

TEST(Config, ShardsFollowTheProcessors) {
  Config config;
  EXPECT_EQ(shard_count(config, 0), 1u);
  EXPECT_EQ(shard_count(config, 1), 1u);
  EXPECT_EQ(shard_count(config, 8), 7u);
  EXPECT_EQ(shard_count(config, 1000), 64u);
  config.shards = 3;
  EXPECT_EQ(shard_count(config, 8), 3u);
}

// ---- actions

TEST(Config, HelpAndVersionComeBeforeEverything) {
  EXPECT_THAT(printed(with_flags({"--shards", "x", "--help"})), HasSubstr("Usage: websocket-gateway"));
  EXPECT_THAT(printed(with_flags({"-h"})), HasSubstr("Exit codes"));
  EXPECT_EQ(printed(with_flags({"--version", "--nonsense"})), "websocket-gateway 1.2.3\n");
  EXPECT_EQ(printed(with_flags({"-V"})), "websocket-gateway 1.2.3\n");
  ConfigSources built{{"-V"}, {}, {}, "1.2.3", "0123456789ab"};
  EXPECT_EQ(printed(load_config(built)), "websocket-gateway 1.2.3 (0123456789ab)\n");
}

TEST(Config, CheckConfigSaysWhetherTheSettingsAreRight) {
  EXPECT_EQ(printed(with_flags({"--check-config"})), "The settings are right.\n");
  EXPECT_THAT(printed(with_flags({"--check-config", "--idle-timeout", "1"})),
              HasSubstr("Warning: flag --idle-timeout"));
  EXPECT_THAT(problems(with_flags({"--check-config", "--shards", "x"})), ElementsAre(HasSubstr("--shards")));
  EXPECT_THAT(problems(with_flags({"--print-config", "--shards", "x"})), ElementsAre(HasSubstr("--shards")));
}

}  // namespace
}  // namespace gw
