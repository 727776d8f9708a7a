#include <array>

#include "config/settings.h"
#include "config/sources.h"
#include "config/values.h"

namespace gw {
namespace {

struct KnownElsewhere {
  std::string_view name;
  std::string_view advice;
};

constexpr std::string_view kWhereKeysGo =
    "a key is given in the variable GATEWAY_API_KEY or under [[api_keys]] in the file, never as a flag, "
    "since "
    "others can read a command line";

// What people try that no likeness of letters would explain.
constexpr std::array<KnownElsewhere, 7> kAdvice{{
    {"api-key", kWhereKeysGo},
    {"api-keys", kWhereKeysGo},
    {"port", "the port is part of listen, as in 127.0.0.1:8000"},
    {"host", "the host is part of listen, as in 127.0.0.1:8000"},
    {"bind", "it is called listen here, as in 127.0.0.1:8000"},
    {"address", "it is called listen here, as in 127.0.0.1:8000"},
    {"redis", "the server is redis_url, the choice is engine"},
}};

}  // namespace

std::string unknown_setting(std::string_view name, const std::string& where, const Vocabulary& vocabulary) {
  for (const KnownElsewhere& known : kAdvice) {
    if (known.name == name) return where + ": " + std::string(known.advice);
  }
  std::vector<std::string> candidates = vocabulary.besides;
  for (const Setting& setting : settings()) candidates.emplace_back(setting.name);
  const std::optional<std::string> meant = nearest(name, candidates);
  return where + ": unknown setting" + (meant ? "; did you mean " + vocabulary.spell(*meant) + "?" : "");
}

}  // namespace gw
