#include "post_office/http_api/audit.h"

#include <fmt/format.h>

#include <span>

#include "base/hex.h"
#include "base/log.h"
#include "base/utf8.h"
#include "traffic_cop/traffic_cop.h"

namespace gw::http_api {
namespace {

// No name that exists is longer. What a call names may be as long as its body.
constexpr size_t kWhomMax = 300;

// One without a name by the beginning of its digest, as whoever has the settings file can find it.
std::string name_of(const ApiKey& key) {
  return key.name.empty() ? "sha256:" + to_hex(std::span(key.digest).first(4)) : key.name;
}

std::string bounded(const std::string& whom) {
  if (whom.size() <= kWhomMax) return whom;
  return fmt::format("{}...(cut, of {} bytes)", utf8_prefix(whom, kWhomMax), whom.size());
}

}  // namespace

void Audit::tell(std::string_view result) const {
  log::audit("api_call", {{"key", name_of(key_)},
                          {"what", what_},
                          {"whom", bounded(whom_)},
                          {"result", result},
                          {"address", address_}});
}

std::string session_name(std::string_view path_parameter) {
  const bool is_ref = path_parameter.starts_with(TrafficCop::kByRef);
  return is_ref ? "session:" + std::string(path_parameter.substr(TrafficCop::kByRef.size())) : "session";
}

}  // namespace gw::http_api
