// What is refused or warned of: values, names, files, and settings that do not fit together.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_testing.h"
#include "config/settings.h"

namespace gw {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kDigest =
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";  // of "test"

// ---- what is refused

TEST(Config, EveryBadValueIsNamedWithItsSourceAndWhatWouldBeRight) {
  struct Case {
    const char* name;
    const char* text;
    const char* expected;
  };
  const Case cases[] = {
      {"listen", "8000", "HOST:PORT"},
      {"listen", "example.org:80", "HOST:PORT"},
      {"listen", "127.0.0.1:1,127.0.0.1:1", "given twice"},
      {"listen", "127.0.0.1:1,,127.0.0.1:2", "HOST:PORT"},
      {"ops-listen", "::1:80", "HOST:PORT"},
      {"public-url", "chat.example.org", "wss://"},
      {"trusted-proxy", "10.0.0.1/8", "without host bits"},
      {"shards", "65", "0 to 64"},
      {"shards", "-1", "0 to 64"},
      {"shards", "two", "0 to 64"},
      {"instance-id", "a b", "1 to 128 characters"},
      {"session-policy", "none", "required or optional"},
      {"channels", "Guide", "a-z"},
      {"channels", "guide,events", "not events"},
      {"channels", "fanout:guide", "fanout:"},
      {"channels", "a,b,a", "given twice"},
      {"anonymous-channels", "Guide", "names out of channels"},
      {"allowed-origin", "null", "scheme://host"},
      {"jwt-key", "/gone", "cannot be read"},
      {"jwt-key", "secret.key", "no JWK Set"},
      {"jwt-secret-file", "public.pem", "looks like a key"},
      {"jwt-jwks-url", "https://issuer.example.org", "path of a JWK Set"},
      {"jwt-jwks-url", "https://u:p@issuer.example.org/keys", "path of a JWK Set"},
      {"jwt-jwks-url", "file:///etc/keys", "path of a JWK Set"},
      {"allowed-origin", "https://a.example/", "without a path"},
      {"compression", "maybe", "on or off"},
      {"max-connections", "0", "1 to"},
      {"max-connections-per-user", "many", "0 to"},
      {"max-message-bytes", "1", "128 to 64MiB"},
      {"max-message-bytes", "64kB", "a size"},
      {"message-rate", "1.5", "a whole number"},
      {"message-rate", "99999999999999999999", "a whole number"},
      {"rate-action", "drop", "pause or close"},
      {"outbox-bytes", "2TiB", "a size"},
      {"heartbeat-interval", "30 s", "a duration"},
      {"heartbeat-interval", "50ms", "100ms to 1h"},
      {"idle-timeout", "1d", "a duration"},
      {"idle-timeout", "-5", "a duration"},
      {"engine", "Memory", "memory or redis"},
      {"inbox", "list", "pubsub or stream"},
      {"drain-timeout", "1h", "0s to 10m"},
      {"run-retention", "169h", "1s to 168h"},
      {"run-bytes", "65MiB", "1KiB to 64MiB"},
      {"test-endpoints", "2", "on or off"},
      {"log-level", "off", "debug, info, warn or error"},
      {"log-format", "xml", "text or json"},
  };
  for (const Case& c : cases) {
    const Setting* setting = find_setting(c.name);
    const auto says = [&](const std::string& where) {
      return ElementsAre(AllOf(StartsWith(where), HasSubstr(c.expected)));
    };
    EXPECT_THAT(problems(with_flags({setting->flag(), c.text})), says("flag " + setting->flag() + ": "))
        << c.text;
    EXPECT_THAT(problems(Machine{{}, {{setting->variable(), c.text}}, ""}.load()),
                says("variable " + setting->variable() + ": "))
        << c.text;
    EXPECT_THAT(problems(with_file(fmt::format("\n\n{} = \"{}\"", setting->key(), c.text))),
                says("gateway.toml:3: " + setting->key() + ": "))
        << c.text;
  }
}

TEST(Config, AllProblemsOfAllSourcesAreReportedAtOnce) {
  const Machine machine{
      {"--config", "gateway.toml", "--shards", "x", "--frobnicate", "--listen", "a:1,b:2", "--console"},
      {{"GATEWAY_QUEUE_SIZE", "0"}, {"GATEWAY_QUEUE_SIZ", "5"}},
      "inbox = 'x'\nunheard = 1\n[[api_keys]]\nkey = 'short'\n"};
  const std::vector<std::string> lines = problems(machine.load());
  for (const char* part :
       {"flag --shards: \"x\"", "flag --frobnicate: unknown", "flag --listen: \"a:1\"",
        "flag --listen: \"b:2\"", "flag --console: has no value", "variable GATEWAY_QUEUE_SIZE: \"0\"",
        "variable GATEWAY_QUEUE_SIZ: unknown", "gateway.toml:1: inbox: \"x\"",
        "gateway.toml:2: unheard: unknown", "gateway.toml:4: key: expected",
        "gateway.toml:3: [[api_keys]]: expected a realm", "gateway.toml:3: [[api_keys]]: expected scopes"}) {
    EXPECT_THAT(lines, Contains(HasSubstr(part)));
  }
  EXPECT_EQ(lines.size(), 12u) << testing::PrintToString(lines);
}

TEST(Config, AnOverriddenMistakeIsStillAMistake) {
  EXPECT_THAT(problems(Machine{{"--shards", "1"}, {{"GATEWAY_SHARDS", "x"}}, ""}.load()),
              ElementsAre(StartsWith("variable GATEWAY_SHARDS: \"x\"")));
}

TEST(Config, UnknownNamesComeWithTheNearestOneInTheirOwnSpelling) {
  EXPECT_THAT(problems(with_flags({"--max-conections", "5"})),
              ElementsAre("flag --max-conections: unknown setting; did you mean --max-connections?"));
  EXPECT_THAT(problems(with_flags({"--max_connections=5"})),
              ElementsAre("flag --max_connections: unknown setting; did you mean --max-connections?"));
  EXPECT_THAT(
      problems(Machine{{}, {{"GATEWAY_LISTN", "x"}, {"gateway_shards", "1"}, {"PATH", "/bin"}}, ""}.load()),
      ElementsAre("variable GATEWAY_LISTN: unknown setting; did you mean GATEWAY_LISTEN?"));
  EXPECT_THAT(problems(Machine{{}, {{"GATEWAY_shards", "1"}}, ""}.load()),
              ElementsAre("variable GATEWAY_shards: unknown setting; did you mean GATEWAY_SHARDS?"));
  EXPECT_THAT(problems(with_file("queue_sise = 3")),
              ElementsAre("gateway.toml:1: queue_sise: unknown setting; did you mean queue_size?"));
  EXPECT_THAT(problems(with_file("zzz = 3")), ElementsAre("gateway.toml:1: zzz: unknown setting"));
}

TEST(Config, WhatPeopleTryIsExplained) {
  EXPECT_THAT(problems(with_flags({"--api-key", "k"})), ElementsAre(HasSubstr("GATEWAY_API_KEY")));
  EXPECT_THAT(problems(with_file("api_key = 'k'")), ElementsAre(HasSubstr("[[api_keys]]")));
  EXPECT_THAT(problems(with_flags({"--port", "80"})), ElementsAre(HasSubstr("listen")));
  EXPECT_THAT(problems(Machine{{}, {{"GATEWAY_PORT", "80"}}, ""}.load()), ElementsAre(HasSubstr("listen")));
}

TEST(Config, AServerThatIsNotAskedIsSaid) {
  EXPECT_THAT(good(with_flags({"--redis-url", "redis://h"})).warnings, ElementsAre(HasSubstr("no effect")));
}

TEST(Config, SeveralServersArePartitions) {
  const auto urls_of = [](const std::vector<std::string>& flags) {
    std::vector<std::string> all{"--engine", "redis"};
    all.insert(all.end(), flags.begin(), flags.end());
    return all;
  };
  const std::vector<std::string> both{"redis://a:1", "redis://b:1"};
  EXPECT_EQ(good(with_flags(urls_of({"--redis-url", both[0], "--redis-url", both[1]}))).redis_urls, both);
  EXPECT_EQ(good(with_flags(urls_of({"--redis-url", "redis://a:1  redis://b:1"}))).redis_urls, both);
  EXPECT_EQ(good(with_file("engine = 'redis'\nredis_url = ['redis://a:1', 'redis://b:1']")).redis_urls, both);
  const std::string sentinels = "redis+sentinel://s,t/";
  EXPECT_EQ(good(with_flags(urls_of({"--redis-url", sentinels + "m " + sentinels + "n"}))).redis_urls.size(),
            2u);
  EXPECT_THAT(problems(with_flags(urls_of({"--redis-url", "redis://a rediss://b"}))),
              ElementsAre(HasSubstr("of one kind")));
  EXPECT_THAT(problems(with_flags(urls_of({"--redis-url", "redis://u:pw@a/1 redis://a:6379"}))),
              ElementsAre(HasSubstr("redis://a:6379/0: is given twice")));
  EXPECT_THAT(problems(with_flags(urls_of({"--redis-url", "redis+unix:///r redis+unix:///r?db=2"}))),
              ElementsAre(HasSubstr("is given twice")));
  EXPECT_THAT(problems(with_flags(urls_of({"--redis-url", sentinels + "m redis+sentinel://t/m"}))),
              ElementsAre(HasSubstr("is given twice")));
  EXPECT_THAT(problems(with_flags(urls_of({"--redis-url", "redis://a nonsense"}))),
              ElementsAre(HasSubstr("(not shown)")));
  EXPECT_THAT(good(with_flags(urls_of({"--redis-partitions", "4"}))).warnings,
              ElementsAre(HasSubstr("no effect")));
}

TEST(Config, AClusterIsDividedBySlots) {
  const auto on_cluster = [](const std::vector<std::string>& flags) {
    std::vector<std::string> all{"--engine", "redis", "--redis-url", "redis+cluster://a,b:7001"};
    all.insert(all.end(), flags.begin(), flags.end());
    return all;
  };
  EXPECT_EQ(good(with_flags(on_cluster({}))).redis_partitions, 16u);
  EXPECT_THAT(good(with_flags(on_cluster({"--redis-partitions", "4"}))).warnings, IsEmpty());
  EXPECT_THAT(problems(with_flags(on_cluster({"--redis-url", "redis+cluster://c"}))),
              ElementsAre(HasSubstr("its address alone")));
  EXPECT_THAT(problems(with_flags(on_cluster({"--key-prefix", "ws:{0}:"}))),
              ElementsAre(HasSubstr("hash tag")));
  const auto printed = with_flags(on_cluster({"--channels", "guide", "--print-redis-names"}));
  ASSERT_TRUE(std::holds_alternative<PrintAndExit>(printed));
  EXPECT_EQ(std::get<PrintAndExit>(printed).text, "guide 14 redis+cluster://a:6379,b:7001 websocket:{62}:\n");
}

TEST(Config, SaysWhereAChannelsNamesAre) {
  const auto printed = with_flags({"--redis-url", "redis://u:pw@a redis://b redis://c", "--channels",
                                   "guide,pillar:content", "--print-redis-names"});
  ASSERT_TRUE(std::holds_alternative<PrintAndExit>(printed));
  EXPECT_EQ(std::get<PrintAndExit>(printed).text,
            "guide 0 redis://a:6379/0 websocket:\npillar:content 2 redis://c:6379/0 websocket:\n");
}

TEST(Config, VariablesThatKubernetesSetsForAServiceAreNoSettings) {
  const Machine machine{{},
                        {{"GATEWAY_SERVICE_HOST", "10.0.0.1"},
                         {"GATEWAY_SERVICE_PORT", "8000"},
                         {"GATEWAY_SERVICE_PORT_HTTP", "8000"},
                         {"GATEWAY_PORT", "tcp://10.0.0.1:8000"},
                         {"GATEWAY_PORT_8000_TCP", "tcp://10.0.0.1:8000"},
                         {"GATEWAY_PORT_8000_TCP_ADDR", "10.0.0.1"},
                         {"GATEWAY_OPS_SERVICE_HOST", "10.0.0.2"}},
                        ""};
  good(machine.load());
}

TEST(Config, MalformedCommandLines) {
  EXPECT_THAT(problems(with_flags({"stray"})), ElementsAre("argument \"stray\": belongs to no flag"));
  EXPECT_THAT(problems(with_flags({"--shards"})), ElementsAre("flag --shards: has no value"));
  EXPECT_THAT(problems(with_flags({"--shards=", "--queue-size", "5"})),
              ElementsAre("flag --shards: has no value"));
  EXPECT_THAT(problems(with_flags({"--a\nb"})), ElementsAre("flag \"--a\\x0ab\": unknown setting"));
  EXPECT_THAT(problems(with_flags({"-x"})), ElementsAre("flag -x: unknown setting"));
  EXPECT_THAT(problems(with_flags({"--", "--shards"})), Contains("argument \"--\": belongs to no flag"));
  EXPECT_THAT(problems(with_flags({""})), ElementsAre("argument \"\": belongs to no flag"));
}

TEST(Config, FilesThatCannotBeRead) {
  EXPECT_THAT(problems(with_flags({"--config", "none.toml"})),
              ElementsAre("flag --config: none.toml: cannot be read: No such file or directory"));
  EXPECT_THAT(problems(Machine{{}, {{"GATEWAY_CONFIG", "none.toml"}}, ""}.load()),
              ElementsAre(StartsWith("variable GATEWAY_CONFIG: none.toml: ")));
  EXPECT_THAT(problems(with_file("a = [1,\n")), ElementsAre(StartsWith("gateway.toml:")));
  EXPECT_THAT(problems(with_file("listen = \"a\nshards = 1")), ElementsAre(HasSubstr("not TOML")));
  EXPECT_THAT(problems(with_file("[[[a]")), ElementsAre(StartsWith("gateway.toml: not TOML")));
  EXPECT_THAT(problems(with_file("\xff")), ElementsAre(HasSubstr("not TOML")));
  EXPECT_THAT(problems(with_file("shards = 1\nqueue_bytes = 20-\u03eb")),
              ElementsAre(StartsWith("gateway.toml:2: not TOML")));
  EXPECT_THAT(problems(with_file("[api_keys]\n\u00e9 = 1")),
              ElementsAre(StartsWith("gateway.toml:2: not TOML")));
  EXPECT_EQ(good(with_file("# \u00e9\nshards = 3 # \u00fc\n")).shards, 3u);
  EXPECT_THAT(problems(with_file(std::string(1, '\0'))), ElementsAre(HasSubstr("not TOML")));
}

TEST(Config, FileValuesOfTheWrongShape) {
  EXPECT_THAT(problems(with_file("shards = [1]")), ElementsAre(HasSubstr("a list; expected a whole number")));
  EXPECT_THAT(problems(with_file("listen = [['127.0.0.1:1']]")), ElementsAre(HasSubstr("a list of strings")));
  EXPECT_THAT(problems(with_file("listen = []")), ElementsAre(HasSubstr("at least 1")));
  EXPECT_THAT(problems(with_file("shards = 2020-01-01")), ElementsAre(HasSubstr("gateway.toml:1: shards")));
  EXPECT_THAT(problems(with_file("[shards]\nx = 1")), ElementsAre(HasSubstr("gateway.toml:1: shards")));
  EXPECT_THAT(problems(with_file("queue_age = nan")), ElementsAre(HasSubstr("a duration")));
  EXPECT_THAT(problems(with_file("queue-size = 1\nqueue_size = 1")), ElementsAre(HasSubstr("set twice")));
}

TEST(Config, AnonymousChannelsAreOutOfTheConfiguredOnes) {
  const auto load = [](const char* names, const char* policy) {
    return with_flags({"--anonymous-channels", names, "--session-policy", policy});
  };
  EXPECT_THAT(good(load("guide,pillar:content", "optional")).anonymous_channels,
              ElementsAre("guide", "pillar:content"));
  EXPECT_THAT(good(with_file("anonymous_channels = []")).anonymous_channels, ElementsAre());
  EXPECT_THAT(problems(load("guide,gold", "optional")),
              ElementsAre("flag --anonymous-channels: \"gold\": is no configured channel"));
  EXPECT_THAT(good(load("guide", "required")).warnings, ElementsAre(HasSubstr("no effect")));
}

TEST(Config, ManyChannels) {
  std::string names = "c0";
  for (int i = 1; i < 64; ++i) names += ",c" + std::to_string(i);
  EXPECT_EQ(good(with_flags({"--channels", names})).channels.size(), 64u);
  EXPECT_THAT(problems(with_flags({"--channels", names + ",c64"})), ElementsAre(HasSubstr("at most 64")));
}

// ---- how settings fit together

TEST(Config, OtherMachinesAreServedOnlyWithAKey) {
  for (const char* address : {"0.0.0.0:80", "[::]:80", "192.168.0.7:80", "[fd00::1]:80"}) {
    const auto says =
        ElementsAre(AllOf(HasSubstr(address), HasSubstr("GATEWAY_API_KEY"), HasSubstr("[[api_keys]]")));
    EXPECT_THAT(problems(with_flags({"--listen", address})), says);
    EXPECT_THAT(problems(with_flags({"--ops-listen", address})), says);
    good(Machine{{"--listen", address}, {{"GATEWAY_API_KEY", "0123456789abcdef"}}, ""}.load());
    good(Machine{{"--listen", address, "--config", "gateway.toml"},
                 {},
                 fmt::format("[[api_keys]]\nrealm='r'\nscopes=['send']\nkey_sha256='{}'", kDigest)}
             .load());
  }
  good(with_flags({"--listen", "127.9.9.9:80,[::1]:80"}));
}

TEST(Config, AKeyThatCanBeGuessedIsForLoopbackAlone) {
  const auto load = [](std::string address, std::string key) {
    return Machine{{"--listen", std::move(address)}, {{"GATEWAY_API_KEY", std::move(key)}}, ""}.load();
  };
  const auto says = ElementsAre(AllOf(HasSubstr("GATEWAY_API_KEY"), HasSubstr("16 characters")));
  EXPECT_THAT(good(load("127.0.0.1:80", "0123456789abcde")).warnings, says);
  EXPECT_THAT(good(load("127.0.0.1:80", "0123456789abcdef")).warnings, IsEmpty());
  EXPECT_THAT(problems(load("0.0.0.0:80", "0123456789abcde")), says);
  good(load("0.0.0.0:80", "0123456789abcdef"));
}

TEST(Config, WhatMakesJwtsWeakIsAllowedWithAWarning) {
  const auto warnings = [](std::vector<std::string> flags) {
    return good(with_flags(std::move(flags))).warnings;
  };
  EXPECT_THAT(warnings({"--jwt-secret-file", "secret.key"}), ElementsAre(HasSubstr("jwt_audience: none")));
  EXPECT_THAT(warnings({"--jwt-secret-file", "secret.key", "--jwt-audience", "a"}), testing::IsEmpty());
  EXPECT_THAT(warnings({"--jwt-jwks-url", "http://issuer.example.org/keys", "--jwt-audience", "a"}),
              ElementsAre(HasSubstr("without TLS")));
  EXPECT_THAT(warnings({"--jwt-key", "public.pem", "--jwt-audience", "a", "--jwt-issuer", "i,j"}),
              ElementsAre(HasSubstr("each key may sign for each")));
  for (const char* near : {"http://localhost:1/keys", "http://127.0.0.1:1/keys", "http://[::1]:1/keys"})
    EXPECT_THAT(warnings({"--jwt-jwks-url", near, "--jwt-audience", "a"}), testing::IsEmpty());
  EXPECT_THAT(warnings({"--jwt-issuer", "i"}),
              ElementsAre(HasSubstr("has no effect without jwt-key, jwt-secret-file or jwt-jwks-url")));
}

TEST(Config, TestEndpointsStayOnLoopback) {
  const Machine machine{{"--test-endpoints", "--listen", "127.0.0.1:1,0.0.0.0:2"},
                        {{"GATEWAY_API_KEY", "0123456789abcdef"}},
                        ""};
  EXPECT_THAT(problems(machine.load()),
              ElementsAre(AllOf(StartsWith("flag --test-endpoints"), HasSubstr("0.0.0.0:2"))));
}

TEST(Config, TheInsideAddressIsNotTheOutsideOne) {
  EXPECT_THAT(problems(with_flags({"--ops-listen", "127.0.0.1:8000"})),
              ElementsAre(HasSubstr("another port")));
  const Machine machine{{"--listen", "0.0.0.0:8000", "--ops-listen", "127.0.0.1:8000"},
                        {{"GATEWAY_API_KEY", "0123456789abcdef"}},
                        ""};
  EXPECT_THAT(problems(machine.load()), ElementsAre(HasSubstr("another port")));
  good(with_flags({"--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"}));
}

TEST(Config, AListenersTextSaysWhatItLacks) {
  EXPECT_THAT(
      problems(with_flags({"--listen", "unix:ws.sock"})),
      ElementsAre(AllOf(StartsWith("flag --listen: \"unix:ws.sock\": "), HasSubstr("absolute path"))));
  EXPECT_THAT(problems(with_flags({"--listen", "unix:/a,unix:/a?mode=0600"})),
              ElementsAre(HasSubstr("is given twice")));
  EXPECT_THAT(problems(with_flags({"--listen", "unix:/a", "--ops-listen", "unix:/a"})),
              ElementsAre(HasSubstr("another port or path")));
  EXPECT_EQ(good(with_flags({"--listen", "unix:/a,127.0.0.1:1"})).listen.size(), 2u);
}

TEST(Config, AProxysHeaderNeedsSomebodyWhoIsBelieved) {
  EXPECT_THAT(problems(with_flags({"--listen", "127.0.0.1:1?proxy_protocol"})),
              ElementsAre(HasSubstr("with trusted-proxy")));
  good(with_flags({"--listen", "127.0.0.1:1?proxy_protocol", "--trusted-proxy", "10.0.0.1"}));
  good(with_flags({"--listen", "unix:/a?proxy_protocol"}));
  EXPECT_THAT(problems(with_flags({"--ops-listen", "unix:/a?proxy_protocol"})),
              ElementsAre(HasSubstr("takes no PROXY header")));
}

TEST(Config, WhatIsPassedMayBeReachedFromAnywhere) {
  EXPECT_THAT(problems(with_flags({"--listen", "systemd"})), ElementsAre(HasSubstr("no API key")));
  EXPECT_THAT(problems(with_flags({"--ops-listen", "systemd:ops"})), ElementsAre(HasSubstr("no API key")));
}

TEST(Config, ConsulNeedsAnAddress) {
  const std::vector<std::string> flags{"--consul-url", "http://127.0.0.1", "--listen", "unix:/a"};
  EXPECT_THAT(problems(with_flags(flags)), ElementsAre(HasSubstr("set advertise to one")));
  auto advertised = flags;
  advertised.insert(advertised.end(), {"--advertise", "gateway.example"});
  EXPECT_THAT(problems(with_flags(advertised)), ElementsAre(HasSubstr("expected HOST:PORT")));
  advertised.back() = "gateway.example:80";
  good(with_flags(advertised));
}

TEST(Config, ARateNeedsABurst) {
  EXPECT_THAT(problems(with_flags({"--message-burst", "0"})), ElementsAre(HasSubstr("at least 1")));
  good(with_flags({"--message-burst", "0", "--message-rate", "0"}));
}

TEST(Config, AnIdleTimeoutWithinAHeartbeatIsAllowedWithAWarning) {
  EXPECT_THAT(good(with_flags({"--idle-timeout", "2"})).warnings, ElementsAre(HasSubstr("heartbeat")));
  EXPECT_THAT(good(with_flags({"--idle-timeout", "2", "--heartbeat-interval", "1"})).warnings, IsEmpty());
}

TEST(Config, AnOutboxSmallerThanAPublicationIsAllowedWithAWarning) {
  EXPECT_THAT(good(with_flags({"--outbox-bytes", "64k"})).warnings, ElementsAre(HasSubstr("api_body_bytes")));
}

}  // namespace
}  // namespace gw
