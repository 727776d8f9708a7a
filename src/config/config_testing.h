// For tests: a machine with arguments, variables and one file, on which settings are read.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"

namespace gw {

// Its file is called gateway.toml; secret.key holds 64 bytes, public.pem a key.
struct Machine {
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  std::string file;

  LoadedConfig load() const {
    ConfigSources sources{arguments, environment, {}, "1.2.3"};
    sources.read_file = [this](const std::string& path) -> Result<std::string> {
      if (path == "gateway.toml") return file;
      if (path == "secret.key") return std::string(64, 's');
      if (path == "public.pem")
        return std::string(
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
            "-----END PUBLIC KEY-----\n");
      return Error{Errc::not_found, "cannot be read: No such file or directory"};
    };
    return load_config(sources);
  }
};

inline LoadedConfig with_flags(std::vector<std::string> arguments) {
  return Machine{std::move(arguments), {}, {}}.load();
}
inline LoadedConfig with_file(std::string text) {
  return Machine{{"--config", "gateway.toml"}, {}, std::move(text)}.load();
}

inline std::vector<std::string> problems(const LoadedConfig& loaded) {
  const auto* refused = std::get_if<ConfigProblems>(&loaded);
  return refused != nullptr ? refused->lines : std::vector<std::string>{};
}

// Throws, and so fails the test, when there are problems.
inline Config good(const LoadedConfig& loaded) {
  for (const std::string& line : problems(loaded)) throw std::runtime_error(line);
  return std::get<Config>(loaded);
}

inline std::string printed(const LoadedConfig& loaded) {
  const auto* print = std::get_if<PrintAndExit>(&loaded);
  return print != nullptr ? print->text : "(nothing)";
}

}  // namespace gw
