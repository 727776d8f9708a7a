// From an address to a connection that is ready for use: finds the master behind sentinels, connects, logs
// in, makes sure that it is a master, chooses the database, and that Redis answers. Control loop only.
#pragma once

#include <functional>
#include <memory>

#include "engine/redis/link.h"
#include "engine/redis/sentinels.h"
#include "engine/redis/url.h"

namespace gw::redis {

struct DialOptions {
  Url url;
  Sentinels* sentinels = nullptr;  // of such an address; outlives the dial
  std::string ca_file;
  std::string client_name;  // for CLIENT LIST
  Duration timeout = 2s;    // for all of it
  LinkOptions link;
};

struct Dialled {
  std::shared_ptr<Link> link;
  std::string run_id;  // of the server's process; empty: it does not say
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
  void on_info(std::string_view info);
  void finish(Result<std::shared_ptr<Link>> result);

  EventLoop& loop_;
  const DialOptions options_;
  Done done_;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<Link> link_;
  std::string run_id_;
  EventLoop::Registration timeout_;
};

}  // namespace gw::redis
