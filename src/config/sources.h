// What each source says, as text that nobody has judged yet. The only includer of CLI11 is
// config_flags.cc, of toml++ config_file.cc.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace gw {

// One setting as one source has it.
struct Given {
  std::vector<std::string> texts;
  std::string where;  // "flag --shards", "variable GATEWAY_SHARDS", "gateway.toml:3: shards"
};

// By the setting's name.
using GivenSettings = std::map<std::string, Given, std::less<>>;

struct Flags {
  GivenSettings settings;
  std::optional<std::string> config_file;
  bool help = false;
  bool version = false;
  bool print_config = false;
  bool check_config = false;
  bool print_redis_names = false;
  bool print_settings_markdown = false;
  bool print_sample_config = false;
  bool print_man = false;
  std::optional<std::string> print_completion;  // of that shell
};
Flags read_flags(const std::vector<std::string>& arguments, std::vector<std::string>& problems);

struct Variables {
  GivenSettings settings;
  std::optional<std::string> config_file;
  std::optional<Given> api_key;
  std::optional<Given> consul_token;
};
using ReadFile = std::function<Result<std::string>(const std::string& path)>;
// An empty variable counts as not set. A secret may stand in a file: GATEWAY_API_KEY_FILE names it.
Variables read_variables(const std::map<std::string, std::string>& environment, const ReadFile& read_file,
                         std::vector<std::string>& problems);

struct FileEntry {
  std::string key;
  std::vector<std::string> texts;  // one for a scalar
  bool is_list = false;
  std::string where;  // "gateway.toml:3: key"
};
struct ApiKeyTable {
  std::vector<FileEntry> entries;
  std::string where;  // "gateway.toml:3"
};
struct FileSettings {
  GivenSettings settings;
  std::vector<ApiKeyTable> api_keys;  // as [[api_keys]] has them
};
// `name` stands for the file in problems.
FileSettings read_toml(std::string_view text, const std::string& name, std::vector<std::string>& problems);

// How a source spells names, and which names it knows besides the settings.
struct Vocabulary {
  std::string (*spell)(std::string_view name);
  std::vector<std::string> besides;
};
// What to say about a name that is no setting's, "did you mean" included. `where` is as in Given.
std::string unknown_setting(std::string_view name, const std::string& where, const Vocabulary& vocabulary);

}  // namespace gw
