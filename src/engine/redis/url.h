// Where Redis is, as one address says it:
//   redis://[user:password@]host[:port][/db]            rediss:// the same over TLS
//   redis+unix://[user:password@]/path/to/socket[?db=N]
//   redis+sentinel://[user:password@]host[:port][,host[:port]...]/master[/db][?sentinel_password=P&sentinel_user=U]
//   redis+cluster://[user:password@]host[:port][,host[:port]...]
// Users and passwords are percent-decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/stream.h"

namespace gw::redis {

struct Url {
  std::vector<HostPort> hosts;  // one server, the sentinels, or some of a cluster; empty with a socket path
  std::string socket_path;
  std::string sentinel_master;  // empty: the host is the server itself
  bool is_cluster = false;      // the hosts are nodes of one: it says which others there are
  bool tls = false;
  std::string user;
  std::string password;
  std::string sentinel_user;  // the sentinels have their own
  std::string sentinel_password;
  uint32_t database = 0;

  // Empty: not one of the forms above.
  static std::optional<Url> parse(std::string_view text);
  // For logs: without user and password.
  std::string text() const;
};

}  // namespace gw::redis
