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
      if (path == "server.crt")
        return std::string(
            "-----BEGIN CERTIFICATE-----\n"
            "MIIBhTCCASugAwIBAgIUfdRBk/04dWtTJrefQlbEVzHbP/0wCgYIKoZIzj0EAwIw\n"
            "DDEKMAgGA1UEAwwBYTAgFw0yNjExMjcyMzM3MTZaGA8yMTI2MTEwMzIzMzcxNlow\n"
            "DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPiLq/NiN3T2\n"
            "TIdfv5CuEqYEPgos3TAYitBYaP28foPZntZDay+Jd6pOM/dknvdVRXUVsFthYrtf\n"
            "KHloYTYF2xujaTBnMB0GA1UdDgQWBBRhWY55bGUj01TuDaYTHeCjSNWzizAfBgNV\n"
            "HSMEGDAWgBRhWY55bGUj01TuDaYTHeCjSNWzizAPBgNVHRMBAf8EBTADAQH/MBQG\n"
            "A1UdEQQNMAuCCWEuZXhhbXBsZTAKBggqhkjOPQQDAgNIADBFAiB5aBAxCXxq3oaQ\n"
            "1StOGjo+kZGUk/x6Gvk6x/G3khxkOwIhAKMh4A2PdFqLw5XiDxOc2rSwbT/ZzCHx\n"
            "FS294/iN4QQT\n"
            "-----END CERTIFICATE-----\n");
      if (path == "server.key")
        return std::string(
            "-----BEGIN PRIVATE KEY-----\n"
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3zmbHEGgKj3dH431\n"
            "yzHH1IJQKqvhNHIQCZ2o8/kjbVahRANCAAT4i6vzYjd09kyHX7+QrhKmBD4KLN0w\n"
            "GIrQWGj9vH6D2Z7WQ2sviXeqTjP3ZJ73VUV1FbBbYWK7Xyh5aGE2Bdsb\n"
            "-----END PRIVATE KEY-----\n");
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
