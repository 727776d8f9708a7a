#include "post_office/http_api/audit.h"

#include <span>

#include "base/hex.h"
#include "base/log.h"
#include "traffic_cop/traffic_cop.h"

namespace gw::http_api {
namespace {

// One without a name by the beginning of its digest, as whoever has the settings file can find it.
std::string name_of(const ApiKey& key) {
  return key.name.empty() ? "sha256:" + to_hex(std::span(key.digest).first(4)) : key.name;
}

}  // namespace

void Audit::tell(std::string_view result) const {
  log::audit(
      "api_call",
      {{"key", name_of(key_)}, {"what", what_}, {"whom", whom_}, {"result", result}, {"address", address_}});
}

std::string session_name(std::string_view path_parameter) {
  const bool is_ref = path_parameter.starts_with(TrafficCop::kByRef);
  return is_ref ? "session:" + std::string(path_parameter.substr(TrafficCop::kByRef.size())) : "session";
}

}  // namespace gw::http_api
