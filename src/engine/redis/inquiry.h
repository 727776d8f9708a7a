// One server that is asked once, on a connection of its own: connects, logs in, asks, hangs up. Control loop
// only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/done.h"
#include "engine/redis/link.h"

namespace gw::redis {

class Inquiry : public std::enable_shared_from_this<Inquiry> {
 public:
  struct Server {
    HostPort address;
    bool tls = false;
    std::string ca_file;  // empty: the system's certificates
    std::string user;
    std::string password;  // empty: it wants none
  };
  using Commands = std::vector<std::vector<std::string_view>>;
  // What the command answered; an error ends the inquiry.
  using OnAnswer = std::function<Result<void>(size_t command, const Reply& reply)>;

  Inquiry(EventLoop& loop, Server server, OnAnswer on_answer, Done<void> done)
      : loop_(loop), server_(std::move(server)), on_answer_(std::move(on_answer)), done_(std::move(done)) {}

  void start(const Commands& commands);
  // Nobody hears of it any more.
  void cancel();

 private:
  void ask(const Commands& commands);
  void finish(const Result<void>& result);

  EventLoop& loop_;
  const Server server_;
  OnAnswer on_answer_;
  Done<void> done_;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<Link> link_;
};

}  // namespace gw::redis
