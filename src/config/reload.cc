#include "config/reload.h"

#include <algorithm>
#include <array>

#include "config/settings.h"

namespace gw {
namespace {

constexpr std::array<std::string_view, kReloadedSettings> kReloaded{
    "tls-certificate",
    "tls-key",
    "trusted-proxy",
    "session-policy",
    "channels",
    "anonymous-channels",
    "allowed-origin",
    "max-connections",
    "max-connections-per-user",
    "max-connections-per-address",
    "message-rate",
    "message-burst",
    "rate-action",
    "heartbeat-interval",
    "idle-timeout",
    "handshake-timeout",
    "message-timeout",
    "close-timeout",
    "jwt-key",
    "jwt-secret-file",
    "jwt-issuer",
    "jwt-audience",
    "jwt-leeway",
    "jwt-user-claim",
    "jwt-tenant-claim",
    "jwt-channels-claim",
    "webhook-hosts",
    "webhook-timeout",
    "webhook-attempts",
    "drain-timeout",
    "log-level",
};

template <class Items>
bool contains(const Items& items, const typename Items::value_type& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

std::vector<std::string> fingerprints(const Config& config) {
  std::vector<std::string> out;
  if (!config.tls) return out;
  for (const TlsCertificate& certificate : config.tls->certificates())
    out.push_back(certificate.fingerprint());
  return out;
}

class Comparison {
 public:
  Comparison(const Config& running, const Config& next) : running_(running), next_(next) {}

  ConfigChange make() {
    for (const Setting& setting : settings()) compare(setting);
    compare_keys();
    compare_certificates();
    if (running_.consul_token != next_.consul_token) restart("GATEWAY_CONSUL_TOKEN");
    for (const std::string& channel : running_.channels)
      if (!contains(next_.channels, channel))
        change_.needs_restart.push_back("channels: " + channel + " is taken away, which needs a restart");
    if (running_.takes_jwts() != next_.takes_jwts())
      change_.needs_restart.push_back("jwt-key: whether JWTs are taken at all needs a restart to change");
    return std::move(change_);
  }

 private:
  void compare(const Setting& setting) {
    // One that was made at start is none that anybody has changed.
    if (setting.name == "instance-id" && running_.instance_id_is_made && next_.instance_id_is_made) return;
    if (setting.value.show(running_) == setting.value.show(next_)) return;
    if (is_reloaded(setting.name)) {
      change_.changed.emplace_back(setting.name);
    } else {
      restart(std::string(setting.name));
    }
  }

  void compare_keys() {
    if (running_.root_keys != next_.root_keys) change_.changed.emplace_back("GATEWAY_API_KEY");
    if (running_.api_keys != next_.api_keys) change_.changed.emplace_back("api_keys");
    if (running_.has_api_keys() && !next_.has_api_keys())
      change_.needs_restart.emplace_back(
          "GATEWAY_API_KEY: no key is configured any more, and one is made at start alone");
  }

  // What stands in files that have the names they had.
  void compare_certificates() {
    if (fingerprints(running_) == fingerprints(next_) || contains(change_.changed, "tls-certificate")) return;
    change_.changed.emplace_back("tls-certificate");
  }

  void restart(const std::string& name) {
    change_.needs_restart.push_back(name + " has changed, which needs a restart");
  }

  const Config& running_;
  const Config& next_;
  ConfigChange change_;
};

}  // namespace

bool is_reloaded(std::string_view setting) { return contains(kReloaded, setting); }

ConfigChange change_between(const Config& running, const Config& next) {
  return Comparison(running, next).make();
}

}  // namespace gw
