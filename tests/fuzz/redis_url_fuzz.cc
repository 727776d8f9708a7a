// What is taken for an address is written so that it names the same server, without its secrets.
#include <cstdint>

#include "base/assert.h"
#include "engine/redis/url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using gw::redis::Url;
  const auto url = Url::parse({reinterpret_cast<const char*>(data), size});
  if (!url) return 0;
  ASSERT(url->hosts.empty() != url->socket_path.empty());
  ASSERT(!url->is_cluster ||
         (url->sentinel_master.empty() && url->socket_path.empty() && url->database == 0));
  ASSERT(url->hosts.size() == 1 || url->is_cluster ||
         url->socket_path.empty() == !url->sentinel_master.empty());
  for (const auto& host : url->hosts) ASSERT(!host.host.empty() && host.port != 0);

  const auto shown = Url::parse(url->text());
  ASSERT(shown.has_value());
  ASSERT(shown->user.empty() && shown->password.empty());
  ASSERT(shown->hosts == url->hosts && shown->socket_path == url->socket_path);
  ASSERT(shown->sentinel_master == url->sentinel_master && shown->database == url->database);
  ASSERT(shown->tls == url->tls && shown->is_cluster == url->is_cluster);
  return 0;
}
