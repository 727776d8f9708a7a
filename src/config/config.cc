#include "config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/random.h"
#include "config/api_keys.h"
#include "config/check.h"
#include "config/completion.h"
#include "config/jwt_settings.h"
#include "config/manual.h"
#include "config/print.h"
#include "config/redis_settings.h"
#include "config/settings.h"
#include "config/sources.h"
#include "config/tls_settings.h"
#include "config/values.h"

extern char** environ;

namespace gw {
namespace {

constexpr size_t kFileBytesMax = size_t{1} << 20;

// Builds a Config up, weakest source first, and keeps account of where each value came from.
class Loader {
 public:
  explicit Loader(const ConfigSources& sources) : sources_(sources) {}

  LoadedConfig load() {
    const Flags flags = read_flags(sources_.arguments, problems_);
    if (const auto print = printed_without_settings(flags)) return *print;
    const Variables variables = read_variables(sources_.environment, sources_.read_file, problems_);
    const FileSettings file = read_file(flags, variables);
    for (const GivenSettings* source : {&file.settings, &variables.settings, &flags.settings}) take(*source);
    if (variables.api_key)
      take_root_keys(variables.api_key->texts.front(), variables.api_key->where, config_, problems_);
    if (variables.consul_token) take_consul_token(*variables.consul_token);
    config_.telemetry = read_telemetry_settings(sources_.environment, config_.warnings);
    config_.version = sources_.version;
    take_api_keys(file.api_keys, config_, problems_);
    const Provenance where = [this](std::string_view setting) { return this->where(setting); };
    read_jwt_keys(config_, sources_.read_file, where, problems_);
    read_tls_certificates(config_, sources_.read_file, where, problems_);
    check_together(config_, variables.api_key || !file.api_keys.empty(), where, problems_);
    if (!problems_.empty()) return ConfigProblems{std::move(problems_)};
    if (flags.print_config) return PrintAndExit{config_toml(config_, sources_.version, where)};
    if (flags.check_config) return PrintAndExit{check_report()};
    if (flags.print_redis_names) return PrintAndExit{redis_names(config_)};
    config_.instance_id_is_made = config_.instance_id.empty();
    if (config_.instance_id_is_made) config_.instance_id = "ws-gateway-" + secure_random_hex(6);
    return std::move(config_);
  }

 private:
  // What says the same wherever the program is started, and whatever else is wrong.
  std::optional<PrintAndExit> printed_without_settings(const Flags& flags) {
    if (flags.help) return PrintAndExit{help_text(sources_.version)};
    if (flags.version) return PrintAndExit{version_line()};
    if (flags.print_settings_markdown) return PrintAndExit{settings_markdown()};
    if (flags.print_sample_config) return PrintAndExit{sample_toml()};
    if (flags.print_man) return PrintAndExit{manual_page(sources_.version)};
    if (!flags.print_completion) return std::nullopt;
    if (std::optional<std::string> script = completion_script(*flags.print_completion))
      return PrintAndExit{*std::move(script)};
    problems_.push_back("flag --print-completion: " + quote(*flags.print_completion) +
                        ": expected bash or zsh");
    return std::nullopt;
  }

  std::string version_line() const {
    const std::string commit = sources_.commit.empty() ? "" : " (" + sources_.commit + ")";
    return "websocket-gateway " + sources_.version + commit + "\n";
  }

  FileSettings read_file(const Flags& flags, const Variables& variables) {
    if (!flags.config_file && !variables.config_file) return {};
    const std::string& path = flags.config_file ? *flags.config_file : *variables.config_file;
    const Result<std::string> text = sources_.read_file(path);
    if (!text) {
      const char* given_by = flags.config_file ? "flag --config: " : "variable GATEWAY_CONFIG: ";
      problems_.push_back(given_by + plain_or_quoted(path) + ": " + text.error().detail);
      return {};
    }
    return read_toml(*text, plain_or_quoted(path), problems_);
  }

  void take(const GivenSettings& source) {
    for (const auto& [name, given] : source) {
      const SettingValue& value = find_setting(name)->value;
      for (const Refusal& refusal : value.take(config_, given.texts)) {
        problems_.push_back(given.where + ": " + describe(refusal, value));
      }
      provenance_[name] = given.where;
    }
  }

  void take_consul_token(const Given& given) {
    const std::string& token = given.texts.front();
    if (is_consul_token(token)) {
      config_.consul_token = token;
    } else {
      problems_.push_back(given.where + ": expected 1 to 512 visible ASCII characters (not shown)");
    }
  }

  static std::string describe(const Refusal& refusal, const SettingValue& value) {
    const std::string why = refusal.why.empty() ? "expected " + value.expected : refusal.why;
    if (refusal.value.empty() && !refusal.why.empty()) return why;
    return (value.secret ? mask_credentials(refusal.value) : quote(refusal.value)) + ": " + why;
  }

  std::string where(std::string_view setting) const {
    const auto found = provenance_.find(setting);
    return found == provenance_.end() ? "default: " + key_of(setting) : found->second;
  }

  std::string check_report() const {
    std::string out = "The settings are right.\n";
    for (const std::string& warning : config_.warnings) out += "Warning: " + warning + "\n";
    return out;
  }

  const ConfigSources& sources_;
  Config config_;
  std::map<std::string, std::string, std::less<>> provenance_;
  std::vector<std::string> problems_;
};

Result<std::string> read_small_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    const int error = errno;
    return Error{Errc::not_found, "cannot be read: " + std::generic_category().message(error)};
  }
  if (file.gcount() > static_cast<std::streamsize>(kFileBytesMax)) {
    return Error{Errc::too_large, "is larger than " + format_size(kFileBytesMax)};
  }
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

size_t shard_count(const Config& config, size_t cores) {
  if (config.shards != 0) return config.shards;
  return std::clamp<size_t>(cores > 0 ? cores - 1 : 0, 1, kShardsMax);
}

ConfigSources ConfigSources::of_process(int argc, const char* const* argv, std::string version,
                                        std::string commit) {
  ConfigSources sources;
  for (int i = 1; i < argc; ++i) sources.arguments.emplace_back(argv[i]);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view pair(*entry);
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos)
      sources.environment.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  sources.read_file = read_small_file;
  sources.version = std::move(version);
  sources.commit = std::move(commit);
  return sources;
}

LoadedConfig load_config(const ConfigSources& sources) { return Loader(sources).load(); }

}  // namespace gw
