// The sentinels of a master: which server is it now? All are asked at once. One that was cut off from the
// others goes on naming the master of its day, so the newest naming counts. Control loop only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/redis/poll.h"
#include "engine/redis/url.h"

namespace gw::redis {

// What one sentinel says; or one node of a cluster, of a slot. The epoch grows with every failover.
struct Naming {
  HostPort master;
  uint64_t epoch = 0;
};

// The naming that counts, out of `answers` of `asked` sentinels, for somebody who knew `known`: the newest;
// of equally new ones that of the most. Older than what was known only if most agree: they were set up anew.
std::optional<Naming> newest(const std::vector<Naming>& answers, size_t asked,
                             const std::optional<Naming>& known);

class Sentinels {
 public:
  // `on_moved`: they name another master than before.
  Sentinels(EventLoop& loop, const Url& url, const std::string& ca_file, std::function<void()> on_moved);

  // Asks each second, besides.
  void start();
  // Not on a sentinel address: never called.
  void ask(Done<HostPort> done);

 private:
  void begin();
  void finish(const std::vector<Naming>& answers, const Error& last_error);

  EventLoop& loop_;
  const Url url_;
  const std::string ca_file_;
  const std::function<void()> on_moved_;
  std::optional<Naming> known_;
  std::vector<Done<HostPort>> waiting_;  // for the end of the poll
  Poll<Naming> poll_;
  EventLoop::Registration tick_;
};

}  // namespace gw::redis
