#include <algorithm>

#include "config/settings.h"
#include "config/sources.h"
#include "config/values.h"

namespace gw {
namespace {

using Environment = std::map<std::string, std::string>;

constexpr std::string_view kPrefix = "GATEWAY_";
constexpr std::string_view kConsulsOwn = "CONSUL_HTTP_TOKEN";  // what its own tools read

const Vocabulary& vocabulary() {
  static const Vocabulary words{variable_of, {"config", "api-key", "consul-token"}};
  return words;
}

// GATEWAY_MAX_CONNECTIONS: max-connections
std::string setting_name(std::string_view variable) {
  std::string name(variable.substr(kPrefix.size()));
  for (char& c : name) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

// Kubernetes sets such variables in every container for a Service named "gateway" or "gateway-...":
// nobody wrote them, and they are no misspelt settings.
bool is_service_link(std::string_view variable, std::string_view value) {
  const bool service =
      variable.ends_with("_SERVICE_HOST") || variable.find("_SERVICE_PORT") != std::string_view::npos;
  const bool port = variable.ends_with("_PORT") && value.find("://") != std::string_view::npos;
  const bool port_detail =
      variable.find("_PORT_") != std::string_view::npos &&
      (variable.find("_TCP") != std::string_view::npos || variable.find("_UDP") != std::string_view::npos);
  return service || port || port_detail;
}

bool is_secret(std::string_view variable) {
  if (variable == "GATEWAY_API_KEY" || variable == "GATEWAY_CONSUL_TOKEN" || variable == kConsulsOwn)
    return true;
  if (!variable.starts_with(kPrefix)) return false;
  const std::string name = setting_name(variable);
  const Setting* const setting = find_setting(name);
  return setting != nullptr && setting->value.secret && variable_of(name) == variable;
}

// GATEWAY_API_KEY_FILE: GATEWAY_API_KEY, whose value stands in the file that it names.
std::optional<std::string> secret_in_file(std::string_view variable) {
  constexpr std::string_view kSuffix = "_FILE";
  if (!variable.ends_with(kSuffix)) return std::nullopt;
  variable.remove_suffix(kSuffix.size());
  return is_secret(variable) ? std::optional<std::string>(variable) : std::nullopt;
}

// Without the line's end that editors and tools leave behind it.
Result<std::string> read_secret(const std::string& path, const ReadFile& read_file) {
  Result<std::string> text = read_file(path);
  if (!text) return text;
  const size_t end = text->find_last_not_of("\r\n");
  text->resize(end == std::string::npos ? 0 : end + 1);
  if (text->empty()) return Error{Errc::invalid_argument, "is empty"};
  return text;
}

// For the agents of examples/, the runbook and the tests: exported where a gateway is then started, too.
bool is_of_our_tools(std::string_view variable) {
  return variable == "GATEWAY_URL" || variable == "GATEWAY_BINARY";
}

// One that is set, and what it says.
struct Assignment {
  std::string variable;  // whose value it is
  std::string value;
  std::string where;
};

std::vector<Assignment> assignments(const Environment& environment, const ReadFile& read_file,
                                    std::vector<std::string>& problems) {
  std::vector<Assignment> out;
  for (const auto& [variable, value] : environment) {
    if (value.empty() || !(variable.starts_with(kPrefix) || variable.starts_with(kConsulsOwn))) continue;
    const std::string where = "variable " + plain_or_quoted(variable);
    const std::optional<std::string> secret = secret_in_file(variable);
    if (!secret) {
      out.push_back({variable, value, where});
      continue;
    }
    const auto twice = environment.find(*secret);
    if (twice != environment.end() && !twice->second.empty()) {
      problems.push_back(where + ": " + *secret + " is set too; expected one of them");
    } else if (const Result<std::string> text = read_secret(value, read_file)) {
      out.push_back({*secret, *text, where});
    } else {
      problems.push_back(where + ": " + plain_or_quoted(value) + ": " + text.error().detail);
    }
  }
  return out;
}

}  // namespace

Variables read_variables(const Environment& environment, const ReadFile& read_file,
                         std::vector<std::string>& problems) {
  Variables variables;
  for (const auto& [variable, value, where] : assignments(environment, read_file, problems)) {
    const Given given{{value}, where};
    if (variable == "GATEWAY_CONFIG") {
      variables.config_file = value;
    } else if (variable == "GATEWAY_API_KEY") {
      variables.api_key = given;
    } else if (variable == kConsulsOwn) {  // before GATEWAY_CONSUL_TOKEN, which is stronger
      variables.consul_token = given;
    } else if (variable == "GATEWAY_CONSUL_TOKEN") {
      variables.consul_token = given;
    } else if (!variable.starts_with(kPrefix)) {
      continue;  // another of Consul's own
    } else if (const std::string name = setting_name(variable);
               find_setting(name) && variable_of(name) == variable) {
      variables.settings[name] = given;
    } else if (!is_service_link(variable, value) && !is_of_our_tools(variable)) {
      problems.push_back(unknown_setting(name, where, vocabulary()));
    }
  }
  return variables;
}

}  // namespace gw
