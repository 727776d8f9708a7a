#include "config/api_keys.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_testing.h"

namespace gw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kDigest =
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";  // of "test"

TEST(ApiKeys, TheVariablesKeyMayDoEverythingAndIsKeptAsADigest) {
  const Config config = good(Machine{{}, {{"GATEWAY_API_KEY", "test"}}, ""}.load());
  EXPECT_EQ(config.root_keys, std::vector{sha256("test")});
  EXPECT_TRUE(config.has_api_keys());
  for (const std::string& key :
       {std::string(" \n"), std::string("a b c"), std::string("\xc3\xa4"), std::string(513, 'k')}) {
    EXPECT_THAT(problems(Machine{{}, {{"GATEWAY_API_KEY", key}}, ""}.load()),
                ElementsAre(HasSubstr("1 to 512 visible")));
  }
}

TEST(ApiKeys, TwoOfTheVariableCountWhileOneTakesTheOthersPlace) {
  for (const char* text : {"test next", "test\nnext\n", " test \t next"})
    EXPECT_EQ(good(Machine{{}, {{"GATEWAY_API_KEY", text}}, ""}.load()).root_keys,
              (std::vector{sha256("test"), sha256("next")}));
  EXPECT_THAT(
      problems(
          Machine{{"--listen", "0.0.0.0:0"}, {{"GATEWAY_API_KEY", "short 0123456789abcdef"}}, ""}.load()),
      ElementsAre(HasSubstr("can be guessed")));
}

TEST(ApiKeys, TheVariablesKeyMayStandInAFile) {
  const std::map<std::string, std::string> named{{"GATEWAY_API_KEY_FILE", "gateway.toml"}};
  for (const char* text : {"test", "test\n", "test\r\n"})
    EXPECT_EQ(good(Machine{{}, named, text}.load()).root_keys, std::vector{sha256("test")});
  const std::string blame = "variable GATEWAY_API_KEY_FILE: ";
  EXPECT_THAT(problems(Machine{{}, named, "a b c"}.load()),
              ElementsAre(HasSubstr(blame + "expected a key of 1 to 512")));
  EXPECT_THAT(problems(Machine{{}, named, "\n"}.load()), ElementsAre(blame + "gateway.toml: is empty"));
  EXPECT_THAT(problems(Machine{{}, {{"GATEWAY_API_KEY_FILE", "/gone"}}, ""}.load()),
              ElementsAre(blame + "/gone: cannot be read: No such file or directory"));
  EXPECT_THAT(
      problems(Machine{{}, {{"GATEWAY_API_KEY_FILE", "gateway.toml"}, {"GATEWAY_API_KEY", "x"}}, "y"}.load()),
      ElementsAre(blame + "GATEWAY_API_KEY is set too; expected one of them"));
}

TEST(ApiKeys, EverySecretMayStandInAFileAndNothingElse) {
  const auto from_file = [](const char* variable, const char* text) {
    return Machine{{"--engine", "redis"}, {{variable, "gateway.toml"}}, text}.load();
  };
  EXPECT_EQ(good(from_file("GATEWAY_CONSUL_TOKEN_FILE", "t\n")).consul_token, "t");
  EXPECT_EQ(good(from_file("CONSUL_HTTP_TOKEN_FILE", "t")).consul_token, "t");
  EXPECT_EQ(good(from_file("GATEWAY_REDIS_URL_FILE", "redis://:pw@h:1\n")).redis_urls,
            std::vector<std::string>{"redis://:pw@h:1"});
  EXPECT_THAT(problems(from_file("GATEWAY_REDIS_URL_FILE", "redis://u:pw@")),
              ElementsAre(testing::AllOf(HasSubstr("variable GATEWAY_REDIS_URL_FILE"),
                                         testing::Not(HasSubstr("pw")))));
  EXPECT_THAT(problems(from_file("GATEWAY_SHARDS_FILE", "1")), ElementsAre(HasSubstr("unknown")));
  const Config stronger = good(
      Machine{{}, {{"CONSUL_HTTP_TOKEN_FILE", "gateway.toml"}, {"GATEWAY_CONSUL_TOKEN", "own"}}, "theirs"}
          .load());
  EXPECT_EQ(stronger.consul_token, "own");
}

TEST(ApiKeys, TheFilesKeysAreReadInFull) {
  const Config config = good(with_file(fmt::format(R"(
[[api_keys]]
name = "billing"
realm = "billing"
key = "0123456789abcdef"
scopes = ["publish", "send"]
channels = ["guide", "pillar:content"]
tenant = "acme"

[[api_keys]]
realm = "agents"
key_sha256 = "{}"
scopes = "subscribe,registry,sessions"
)",
                                                   kDigest)));
  ASSERT_EQ(config.api_keys.size(), 2u);
  const ApiKeyConfig& first = config.api_keys[0];
  EXPECT_EQ(first.name, "billing");
  EXPECT_EQ(first.realm, "billing");
  EXPECT_EQ(first.key_sha256, sha256("0123456789abcdef"));
  EXPECT_THAT(first.scopes, ElementsAre("publish", "send"));
  EXPECT_THAT(first.channels.value(), ElementsAre("guide", "pillar:content"));
  EXPECT_EQ(first.tenant, "acme");
  const ApiKeyConfig& second = config.api_keys[1];
  EXPECT_EQ(second.realm, "agents");
  EXPECT_EQ(second.key_sha256, sha256("test"));
  EXPECT_THAT(second.scopes, ElementsAre("subscribe", "registry", "sessions"));
  EXPECT_EQ(second.channels, std::nullopt);
  EXPECT_EQ(second.tenant, std::nullopt);
  EXPECT_TRUE(config.root_keys.empty());
}

TEST(ApiKeys, ChannelsOfAKeyAreThoseConfiguredByAnySource) {
  Machine machine{{"--config", "gateway.toml", "--channels", "support"}, {}, ""};
  machine.file = "[[api_keys]]\nrealm='r'\nkey='0123456789abcdef'\nscopes=['send']\nchannels=['support']";
  EXPECT_THAT(good(machine.load()).api_keys[0].channels.value(), ElementsAre("support"));
  machine.arguments.back() = "guide";
  EXPECT_THAT(problems(machine.load()),
              ElementsAre("gateway.toml:5: channels: \"support\": is no configured channel"));
}

TEST(ApiKeys, EveryMistakeInAKeyIsNamed) {
  struct Case {
    const char* table;
    const char* says;
  };
  const std::string good_lines = "realm='r'\nkey='0123456789abcdef'\nscopes=['send']\n";
  const Case cases[] = {
      {"key='0123456789abcdef'\nscopes=['send']", "expected a realm"},
      {"realm=''\nkey='0123456789abcdef'\nscopes=['send']", "realm: expected 1 to 128"},
      {"realm=['r']\nkey='0123456789abcdef'\nscopes=['send']", "realm: expected 1 to 128"},
      {"realm='r'\nscopes=['send']", "either key or key_sha256"},
      {"realm='r'\nkey='0123456789abcde'\nscopes=['send']", "16 to 512"},
      {"realm='r'\nkey='0123456789 abcdef'\nscopes=['send']", "16 to 512"},
      {"realm='r'\nkey_sha256='abc'\nscopes=['send']", "64 hexadecimal"},
      {"realm='r'\nkey='0123456789abcdef'", "expected scopes"},
      {"realm='r'\nkey='0123456789abcdef'\nscopes=[]", "scopes: expected some of"},
      {"realm='r'\nkey='0123456789abcdef'\nscopes=['root']", "\"root\": expected some of"},
      {"realm='r'\nkey='0123456789abcdef'\nscopes=['send']\nchannels=[]", "leave it out"},
      {"realm='r'\nkey='0123456789abcdef'\nscopes=['send']\ntenant='a b'", "tenant: expected"},
      {"realm='r'\nkey='0123456789abcdef'\nscopes=['send']\nname=''", "name: expected"},
      {"realm='r'\nkey='0123456789abcdef'\nscopes=['send']\nchanels=['guide']", "did you mean channels?"},
      {"realm='r'\nkey='0123456789abcdef'\nscopes=['send']\nscopes.x=1", "not TOML"},
      {"realm='r'\nkey='0123456789abcdef'\nscopes=['send']\nlimits={a=1}", "limits: expected a string"},
  };
  for (const auto& [table, says] : cases) {
    EXPECT_THAT(problems(with_file("[[api_keys]]\n" + std::string(table))), ElementsAre(HasSubstr(says)))
        << table;
  }
  good(with_file("[[api_keys]]\n" + good_lines));
  EXPECT_THAT(problems(with_file("[[api_keys]]\n" + good_lines + "key_sha256='" + kDigest + "'")),
              ElementsAre(HasSubstr("either key or key_sha256")));
  EXPECT_THAT(problems(with_file("[api_keys]\n" + good_lines)), ElementsAre(HasSubstr("[[api_keys]]")));
  EXPECT_THAT(problems(with_file("api_keys = 'x'")), ElementsAre(HasSubstr("[[api_keys]]")));
}

TEST(ApiKeys, TheSameKeyTwiceIsAMistake) {
  const std::string key = "[[api_keys]]\nrealm='r'\nkey='0123456789abcdef'\nscopes=['send']\n";
  EXPECT_THAT(problems(with_file(key + key)), ElementsAre(HasSubstr("gateway.toml:5")));
  const Machine machine{{"--config", "gateway.toml"}, {{"GATEWAY_API_KEY", "0123456789abcdef"}}, key};
  EXPECT_THAT(problems(machine.load()), ElementsAre(HasSubstr("GATEWAY_API_KEY")));
}

TEST(Secrets, NoProblemShowsASecret) {
  const std::string secret = "Sup3rS3cretKeyMaterial";
  const std::vector<Machine> machines{
      {{"--api-key", secret}, {}, ""},
      {{"--api-key=" + secret}, {}, ""},
      {{"--apikey", secret}, {}, ""},
      {{"--redis-url", "redis://u:" + secret + "@h/x"}, {}, ""},
      {{"--redis-url", secret}, {}, ""},
      {{}, {{"GATEWAY_API_KEY", secret + " and more"}}, ""},
      {{}, {{"GATEWAY_APIKEY", secret}}, ""},
      {{}, {{"GATEWAY_API_KEYS", secret}}, ""},
      {{}, {{"GATEWAY_REDIS_URL", secret}}, ""},
      {{"--config", "gateway.toml"}, {}, "api_key = '" + secret + "'"},
      {{"--config", "gateway.toml"}, {}, "redis_url = '" + secret + "'"},
      {{"--config", "gateway.toml"}, {}, "redis_url = ['" + secret + "']"},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = '" + secret + " '"},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = ['" + secret + "']"},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey_sha256 = '" + secret + "'"},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkye = '" + secret + "'"},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = " + secret},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = '" + secret},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = '" + secret + "\n'"},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey '" + secret + "'"},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = t" + secret},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = \"\\" + secret + "\""},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = '" + secret + "' '" + secret + "'"},
      {{"--config", "gateway.toml"}, {}, "[[api_keys]]\nkey = '" + secret + "'\nkey = '" + secret + "'"},
  };
  for (const Machine& machine : machines) {
    const std::vector<std::string> lines = problems(machine.load());
    EXPECT_FALSE(lines.empty()) << machine.file;
    for (const std::string& line : lines) {
      // Not even a piece of it.
      for (size_t i = 0; i + 6 <= secret.size(); ++i)
        EXPECT_EQ(line.find(secret.substr(i, 6)), std::string::npos) << line;
      EXPECT_EQ(line.find('\n'), std::string::npos);
    }
  }
}

TEST(Secrets, ADigitsOnlySecretIsNotShownEither) {
  for (const char* line :
       {"key = 123456789012345678901234567890", "key = 12345678901234567890x",
        "key = 0x1234567890123456789012", "key = 1234567890.1234567890.1", "key = 123456789012e99999"}) {
    for (const std::string& problem : problems(with_file(std::string("[[api_keys]]\n") + line))) {
      EXPECT_THAT(problem, testing::Not(HasSubstr("12345678"))) << problem;
    }
  }
}

}  // namespace
}  // namespace gw
