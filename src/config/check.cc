#include "config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "config/api_keys.h"
#include "config/jwt_settings.h"
#include "config/tls_settings.h"
#include "config/values.h"
#include "engine/redis/url.h"

namespace gw {
namespace {

bool overlap(const ListenAddress& a, const ListenAddress& b) {
  if (!a.ip() || !b.ip()) return a.same_place(b);
  const bool same_ip = a.ip()->ip == b.ip()->ip || a.ip()->ip.is_unspecified() || b.ip()->ip.is_unspecified();
  return a.ip()->port == b.ip()->port && a.ip()->port != 0 && same_ip;
}

// The addresses that other machines can reach, or may: who knows what we are passed.
std::string reachable(const std::vector<ListenAddress>& addresses) {
  std::string out;
  for (const ListenAddress& address : addresses) {
    const bool is_inside =
        std::holds_alternative<UnixPath>(address.place) || (address.ip() && address.ip()->ip.is_loopback());
    if (!is_inside) out += (out.empty() ? "" : ", ") + address.text();
  }
  return out;
}

// A proxy's header is believed where it is trusted, and asked for where it makes a difference.
void check_proxy_protocol(const Config& config, const Provenance& where, std::vector<std::string>& problems) {
  for (const ListenAddress& address : config.listen) {
    if (!address.proxy_protocol || !address.ip() || !config.trusted_proxies.empty()) continue;
    problems.push_back(fmt::format(
        "{}: {}: nobody's PROXY header would be believed; name the addresses that send it with trusted-proxy",
        where("listen"), address.text()));
  }
  for (const ListenAddress& address : config.ops_listen) {
    if (!address.proxy_protocol) continue;
    problems.push_back(fmt::format("{}: {}: takes no PROXY header, since it does not ask who comes",
                                   where("ops-listen"), address.text()));
  }
}

void check_addresses(const Config& config, bool keys_given, const Provenance& where,
                     std::vector<std::string>& problems) {
  for (const auto& [name, addresses] :
       {std::pair{"listen", &config.listen}, {"ops-listen", &config.ops_listen}}) {
    const std::string outside = reachable(*addresses);
    if (outside.empty() || keys_given) continue;
    problems.push_back(fmt::format(
        "{}: {} can be reached from other machines and no API key is configured: set the variable "
        "GATEWAY_API_KEY, write [[api_keys]] into the file, or listen on 127.0.0.1",
        where(name), outside));
  }
  if (const std::string outside = reachable(config.listen); config.test_endpoints && !outside.empty()) {
    problems.push_back(fmt::format("{}: on; expected off, or loopback addresses alone to listen on (here {})",
                                   where("test-endpoints"), outside));
  }
  for (const ListenAddress& ops : config.ops_listen) {
    for (const ListenAddress& address : config.listen) {
      if (!overlap(ops, address)) continue;
      problems.push_back(fmt::format("{}: {} is what listen has ({}); expected another port or path",
                                     where("ops-listen"), ops.text(), address.text()));
    }
  }
  check_proxy_protocol(config, where, problems);
}

// A key that can be guessed is nobody's protection where others can ask for it.
void check_root_key(Config& config, std::vector<std::string>& problems) {
  if (!config.root_key_is_short) return;
  const std::string what = fmt::format(
      "variable GATEWAY_API_KEY: a key of less than {} characters can be guessed; make one with openssl rand "
      "-hex 32",
      kFileKeyBytesMin);
  const std::string outside = reachable(config.listen) + reachable(config.ops_listen);
  if (outside.empty()) {
    config.warnings.push_back(what);
  } else {
    problems.push_back(what + ", or listen on 127.0.0.1");
  }
}

void check_redis(Config& config, const Provenance& where, std::vector<std::string>& problems) {
  const auto& urls = config.redis_urls;
  const auto problem = [&](std::string_view why) {
    problems.push_back(fmt::format("{}: {}", where("redis-url"), why));
  };
  if (urls.empty()) return problem("empty; expected an address of Redis");
  if (redis::Url::parse(urls[0])->is_cluster) {
    if (urls.size() > 1) problem("a cluster has all; expected its address alone, with any of its nodes");
    if (config.key_prefix.find_first_of("{}") != std::string::npos)
      problems.push_back(where("key-prefix") +
                         ": on a cluster each partition has a hash tag of its own; "
                         "expected a prefix without { and }");
    return;
  }
  const auto scheme = [](std::string_view url) { return url.substr(0, url.find("://")); };
  for (size_t i = 1; i < urls.size(); ++i) {
    if (scheme(urls[i]) != scheme(urls[0]))
      return problem(fmt::format("{}:// and {}://; expected several addresses to be of one kind",
                                 scheme(urls[0]), scheme(urls[i])));
    const auto same = [&](const std::string& other) { return is_same_redis(urls[i], other); };
    if (std::any_of(urls.begin(), urls.begin() + static_cast<ptrdiff_t>(i), same))
      return problem(fmt::format("{}: is given twice; each server is one partition",
                                 redis::Url::parse(urls[i])->text()));
  }
  if (config.redis_partitions != Config().redis_partitions)
    config.warnings.push_back(where("redis-partitions") +
                              ": has no effect but on a cluster; each server is one partition");
}

void check_engine(Config& config, const Provenance& where, std::vector<std::string>& problems) {
  if (config.engine == EngineKind::redis) {
    check_redis(config, where, problems);
    return;
  }
  if (config.redis_urls != Config().redis_urls) {
    config.warnings.push_back(where("redis-url") + ": has no effect with the memory engine");
  }
}

void check_clients(Config& config, const Provenance& where, std::vector<std::string>& problems) {
  const auto check_channels = [&](std::string_view setting, const std::vector<std::string>& some) {
    for (const std::string& channel : some) {
      const auto& all = config.channels;
      if (channel == "*" || std::find(all.begin(), all.end(), channel) != all.end()) continue;
      problems.push_back(fmt::format("{}: \"{}\": is no configured channel", where(setting), channel));
    }
  };
  check_channels("anonymous-channels", config.anonymous_channels);
  check_channels("presence", config.presence_channels);
  if (config.anonymous_channels != Config().anonymous_channels && !config.handshake.upgrade.anonymous) {
    config.warnings.push_back(where("anonymous-channels") + ": has no effect with session-policy required");
  }
  const auto& origins = config.allowed_origins;
  if (!config.handshake.upgrade.cookie.empty() &&
      std::find(origins.begin(), origins.end(), "*") != origins.end())
    problems.push_back(
        where("cookie") +
        ": with allowed-origin * any page would come in as whoever reads it; name the origins");
  if (config.connection.rate.per_second > 0 && config.connection.rate.burst == 0) {
    problems.push_back(
        fmt::format("{}: 0 lets no message through at a message rate of {} ({}); expected at least 1",
                    where("message-burst"), config.connection.rate.per_second, where("message-rate")));
  }
  if (config.connection.idle_timeout <= config.connection.heartbeat_interval) {
    config.warnings.push_back(fmt::format(
        "{}: {} is not longer than the heartbeat interval of {}: a client that only answers pings is evicted",
        where("idle-timeout"), format_duration(config.connection.idle_timeout),
        format_duration(config.connection.heartbeat_interval)));
  }
  if (config.connection.outbox_bytes_max < config.http.body_bytes_max) {
    config.warnings.push_back(
        fmt::format("{}: a publication may have {} bytes (api_body_bytes), and one that does not fit into {} "
                    "closes its receivers",
                    where("outbox-bytes"), config.http.body_bytes_max, config.connection.outbox_bytes_max));
  }
}

void check_consul(Config& config, const Provenance& where, std::vector<std::string>& problems) {
  if (config.consul_url.empty()) {
    if (!config.advertise.empty()) {
      config.warnings.push_back(where("advertise") + ": has no effect without consul-url");
    }
    return;
  }
  const ListenAddress& first = config.listen.front();
  if (config.advertise.empty() && (!first.ip() || first.ip()->ip.is_unspecified())) {
    problems.push_back(
        fmt::format("{}: {} is no address that Consul could reach this instance at; set advertise to one",
                    where("listen"), first.text()));
  }
  const std::optional<Url> advertised = Url::parse("http://" + config.advertise);
  if (!first.ip() && advertised && !advertised->port) {
    problems.push_back(fmt::format("{}: {} has no port, and neither has {}; expected HOST:PORT",
                                   where("advertise"), config.advertise, first.text()));
  }
}

}  // namespace

void check_together(Config& config, bool keys_given, const Provenance& where,
                    std::vector<std::string>& problems) {
  check_addresses(config, keys_given, where, problems);
  check_root_key(config, problems);
  check_engine(config, where, problems);
  check_clients(config, where, problems);
  check_jwt(config, where, problems);
  check_tls(config, where, problems);
  check_consul(config, where, problems);
}

}  // namespace gw
