// From an address to a connection that is ready for use: finds the master behind sentinels or of a cluster's
// slot, connects, logs in, makes sure that it is that master, chooses the database, and that Redis answers.
// Control loop only.
#pragma once

#include <functional>
#include <memory>

#include "engine/redis/cluster_map.h"
#include "engine/redis/link.h"
#include "engine/redis/sentinels.h"
#include "engine/redis/url.h"

namespace gw::redis {

struct DialOptions {
  Url url;
  Sentinels* sentinels = nullptr;  // of such an address; outlives the dial
  ClusterMap* cluster = nullptr;   // the same; null: it is none
  uint16_t slot = 0;               // of all names that the connection is for, on a cluster
  // Is never there. Whatever is one step declares it, so that Redis refuses the step before it begins while
  // the slot is on its way to another master, where half of what it needs may be. Empty: not on a cluster.
  std::string guard_key;
  std::string ca_file;
  std::string client_name;  // for CLIENT LIST
  Duration timeout = 2s;    // for all of it
  LinkOptions link;
};

struct Dialled {
  std::shared_ptr<Link> link;
  std::string run_id;  // of the server's process; empty: it does not say
  std::string server;  // where it is, without secrets
};

class Dial : public std::enable_shared_from_this<Dial> {
 public:
  using Done = std::function<void(Result<Dialled>)>;

  // `done` runs once, unless the returned dial is cancelled before.
  static std::shared_ptr<Dial> start(EventLoop& loop, const DialOptions& options, Done done);
  void cancel();

  Dial(EventLoop& loop, const DialOptions& options, Done done);

 private:
  void begin();
  void connect(const HostPort& to);
  void log_in(const std::shared_ptr<Stream>& stream);
  void ask_for_slot();
  void on_info(std::string_view info);
  void finish(Result<std::shared_ptr<Link>> result);

  EventLoop& loop_;
  const DialOptions options_;
  Done done_;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<Link> link_;
  std::string run_id_;
  std::string server_;
  EventLoop::Registration timeout_;
};

}  // namespace gw::redis
