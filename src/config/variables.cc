#include <algorithm>

#include "config/settings.h"
#include "config/sources.h"
#include "config/values.h"

namespace gw {
namespace {

constexpr std::string_view kPrefix = "GATEWAY_";

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

// For the agents of examples/, the runbook and the tests: exported where a gateway is then started, too.
bool is_of_our_tools(std::string_view variable) {
  return variable == "GATEWAY_URL" || variable == "GATEWAY_BINARY";
}

}  // namespace

Variables read_variables(const std::map<std::string, std::string>& environment,
                         std::vector<std::string>& problems) {
  Variables variables;
  // What Consul's own tools read; one of our own is stronger.
  constexpr const char* kConsulsOwn = "CONSUL_HTTP_TOKEN";
  if (const auto token = environment.find(kConsulsOwn);
      token != environment.end() && !token->second.empty()) {
    variables.consul_token = {{token->second}, std::string("variable ") + kConsulsOwn};
  }
  for (const auto& [variable, value] : environment) {
    if (!variable.starts_with(kPrefix) || value.empty()) continue;
    if (variable == "GATEWAY_CONFIG") {
      variables.config_file = value;
    } else if (variable == "GATEWAY_API_KEY") {
      variables.api_key = value;
    } else if (variable == "GATEWAY_CONSUL_TOKEN") {
      variables.consul_token = {{value}, "variable " + variable};
    } else if (const std::string name = setting_name(variable);
               find_setting(name) && variable_of(name) == variable) {
      variables.settings[name] = {{value}, "variable " + variable};
    } else if (!is_service_link(variable, value) && !is_of_our_tools(variable)) {
      problems.push_back(unknown_setting(name, "variable " + plain_or_quoted(variable), vocabulary()));
    }
  }
  return variables;
}

}  // namespace gw
