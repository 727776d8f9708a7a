// Settings from any text: a TOML file, then command line arguments, separated by NUL. Whatever loads must
// be printable, and what is printed must load to the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "config/config.h"
#include "config/settings.h"

namespace {

gw::LoadedConfig load(std::vector<std::string> arguments, const std::string& file) {
  gw::ConfigSources sources{std::move(arguments), {}, {}, "0"};
  sources.read_file = [&file](const std::string&) -> gw::Result<std::string> { return file; };
  return gw::load_config(sources);
}

std::string text_of(const gw::LoadedConfig& loaded) {
  const auto* print = std::get_if<gw::PrintAndExit>(&loaded);
  ASSERT(print != nullptr);
  return print->text;
}

void expect_same(const gw::Config& a, const gw::Config& b) {
  for (const gw::Setting& setting : gw::settings()) {
    // Made at start, and not printed with its password.
    if (setting.name == "instance-id" || setting.value.secret) continue;
    ASSERT(setting.value.show(a) == setting.value.show(b));
  }
  ASSERT(a.api_keys == b.api_keys);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string file(rest.substr(0, rest.find('\0')));
  std::vector<std::string> arguments{"--config", "file.toml"};
  for (rest.remove_prefix(file.size()); !rest.empty();) {
    rest.remove_prefix(1);
    arguments.emplace_back(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(arguments.back().size());
  }

  const gw::LoadedConfig loaded = load(arguments, file);
  if (const auto* problems = std::get_if<gw::ConfigProblems>(&loaded)) {
    ASSERT(!problems->lines.empty());
    for (const std::string& line : problems->lines) ASSERT(line.find('\n') == std::string::npos);
  }
  if (const auto* config = std::get_if<gw::Config>(&loaded)) {
    arguments.insert(arguments.begin(), "--print-config");
    const std::string printed = text_of(load(arguments, file));
    const gw::LoadedConfig again = load({"--config", "printed.toml"}, printed);
    ASSERT(std::holds_alternative<gw::Config>(again));
    expect_same(*config, std::get<gw::Config>(again));
  }
  return 0;
}
