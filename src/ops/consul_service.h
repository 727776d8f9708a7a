// What Consul holds of a gateway, as we tell it and as it tells us. Pure: JSON in and out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace gw::consul {

struct Service {
  std::string id;  // the instance's
  std::string name;
  std::string address;  // a name or an IP address; IPv6 without its brackets
  uint16_t port = 0;
  std::vector<std::string> tags;
  std::map<std::string, std::string> meta;

  friend bool operator==(const Service&, const Service&) = default;
};

struct CheckOptions {
  std::string path = "/health/websocket-gateway";
  Duration interval = 10s;
  Duration timeout = 5s;
  Duration deregister_after = 60s;  // critical for so long; Consul's least
  // The certificate is for the names that clients use, which our address is not: Consul does not look at it.
  bool tls = false;
};

// The body of /v1/agent/service/register. `passing`: what the check says until Consul has made it once.
std::string registration_json(const Service& service, const CheckOptions& check, bool passing);

// What the agent says of one service (/v1/agent/health/service/id/{id}).
struct Known {
  Service service;
  bool checked = false;  // it has a check
  bool critical = false;
};
Result<Known> parse_known(std::string_view body);

// An instance that clients could be sent to.
struct Instance {
  std::string id;
  std::string url;  // "ws://" or "wss://" and so on, without the /ws

  friend bool operator==(const Instance&, const Instance&) = default;
};
// The answer of /v1/health/service/{name}. An entry that names no address we could hand out is left out, as
// are those over kInstancesMax.
Result<std::vector<Instance>> parse_instances(std::string_view body);
inline constexpr size_t kInstancesMax = 1000;

}  // namespace gw::consul
