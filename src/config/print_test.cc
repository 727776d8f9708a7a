#include "config/print.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "config/settings.h"

namespace gw {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSecret = "Sup3rS3cretKeyMaterial";

LoadedConfig load(std::vector<std::string> arguments, std::map<std::string, std::string> environment,
                  const std::string& file) {
  ConfigSources sources{std::move(arguments), std::move(environment), {}, "1.2.3"};
  sources.read_file = [&file](const std::string&) -> Result<std::string> { return file; };
  return load_config(sources);
}

std::string printed(const LoadedConfig& loaded) {
  if (const auto* problems = std::get_if<ConfigProblems>(&loaded)) ADD_FAILURE() << problems->lines.front();
  const auto* print = std::get_if<PrintAndExit>(&loaded);
  return print != nullptr ? print->text : "";
}

const std::map<std::string, std::string> kEnvironment{{"GATEWAY_API_KEY", "another-secret-of-16"},
                                                      {"GATEWAY_QUEUE_AGE", "90s"},
                                                      {"GATEWAY_IDLE_TIMEOUT", "1500ms"}};

const std::string kFile = fmt::format(R"(
public_url = "https://chat.example.org/x/"
allowed_origin = ["https://b.example", "*"]
trusted_proxy = ["10.0.0.0/8", "fd00::/8"]
channels = ["support", "pillar:content"]
max_message_bytes = 1000
engine = "memory"
console = false
redis_url = "redis://user:{0}@cache:6379/1"

[[api_keys]]
name = "ci"
realm = "ci"
key = "{0}"
scopes = ["publish", "send"]
channels = ["support"]
tenant = "acme"

[[api_keys]]
realm = "agents"
key_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
scopes = ["subscribe"]
)",
                                      kSecret);

const std::vector<std::string> kFlags{"--config",      "etc/gw.toml", "--listen", "0.0.0.0:8000,[::1]:0",
                                      "--instance-id", "123"};

std::vector<std::string> and_print(std::vector<std::string> arguments) {
  arguments.push_back("--print-config");
  return arguments;
}

TEST(PrintConfig, ReadsBackToTheSameSettings) {
  const LoadedConfig first = load(kFlags, kEnvironment, kFile);
  const std::string text = printed(load(and_print(kFlags), kEnvironment, kFile));
  // The password and the variable's key are not in it, and come from the environment again.
  const std::map<std::string, std::string> secrets{
      {"GATEWAY_API_KEY", "another-secret-of-16"},
      {"GATEWAY_REDIS_URL", fmt::format("redis://user:{}@cache:6379/1", kSecret)}};
  const LoadedConfig second = load({"--config", "printed.toml"}, secrets, text);
  ASSERT_TRUE(std::holds_alternative<Config>(first));
  ASSERT_TRUE(std::holds_alternative<Config>(second))
      << testing::PrintToString(std::get<ConfigProblems>(second).lines);
  const Config& a = std::get<Config>(first);
  const Config& b = std::get<Config>(second);
  for (const Setting& setting : settings())
    EXPECT_EQ(setting.value.show(a), setting.value.show(b)) << setting.name;
  EXPECT_EQ(a.api_keys, b.api_keys);
  EXPECT_EQ(a.root_keys, b.root_keys);
  EXPECT_EQ(b.api_keys.size(), 2u);
}

TEST(PrintConfig, TheDefaultsReadBackToo) {
  const std::string text = printed(load({"--print-config"}, {}, ""));
  EXPECT_TRUE(std::holds_alternative<Config>(load({"--config", "x"}, {}, text)));
}

TEST(PrintConfig, SaysWhereEachValueComesFrom) {
  const std::string text = printed(load(and_print(kFlags), kEnvironment, kFile));
  const auto line_of = [&](const std::string& key) {
    const size_t at = text.find("\n" + key + " = ") + 1;
    return text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_THAT(line_of("listen"), HasSubstr("# flag --listen"));
  EXPECT_THAT(line_of("queue_age"), HasSubstr("# variable GATEWAY_QUEUE_AGE"));
  EXPECT_THAT(line_of("public_url"), HasSubstr("# etc/gw.toml:2"));
  EXPECT_THAT(line_of("shards"), HasSubstr("# default"));
}

TEST(PrintConfig, ShowsNoSecret) {
  const std::string text = printed(load(and_print(kFlags), kEnvironment, kFile));
  EXPECT_THAT(text, Not(HasSubstr(kSecret)));
  EXPECT_THAT(text, Not(HasSubstr("another-secret-of-16")));
  EXPECT_THAT(text, HasSubstr("# redis_url = \"redis://user:****@cache:6379/1\""));
  EXPECT_THAT(text, HasSubstr("GATEWAY_API_KEY is set"));
}

TEST(Help, NamesEverySettingWithItsDefaultAndFitsAScreen) {
  const std::string help = help_text("1.2.3");
  for (const Setting& setting : settings()) EXPECT_THAT(help, HasSubstr("  " + setting.flag()));
  EXPECT_THAT(help, HasSubstr("[64KiB]"));
  for (size_t at = 0; at < help.size();) {
    const size_t end = help.find('\n', at);
    EXPECT_LE(end - at, 104u) << help.substr(at, end - at);
    EXPECT_NE(help[end - 1], ' ') << help.substr(at, end - at);
    at = end + 1;
  }
}

TEST(Settings, NamesAreDistinctAndDefaultsAreValid) {
  std::set<std::string_view> names;
  for (const Setting& setting : settings()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_FALSE(setting.doc.empty());
    Config config;
    const std::vector<std::string> defaults = setting.value.show(config);
    EXPECT_TRUE(setting.value.take(config, defaults).empty()) << setting.name;
    EXPECT_EQ(setting.value.show(config), defaults);
  }
}

// The document's tables are made by `websocket-gateway --print-settings-markdown`.
TEST(Settings, TheDocumentSaysWhatTheProgramDoes) {
  std::ifstream file(GW_SOURCE_DIR "/docs/operations/settings.md");
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  const std::string begin = "<!-- settings: begin -->\n";
  const size_t from = document.find(begin);
  const size_t to = document.find("<!-- settings: end -->");
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(document.substr(from + begin.size(), to - from - begin.size()), settings_markdown());
}

}  // namespace
}  // namespace gw
