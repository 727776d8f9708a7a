// The listening sockets of one epoll set. When the process has no descriptor left, those who wait in the
// backlog keep a listener readable, and accepting would spin: then all of them rest for a moment.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "net/poller.h"
#include "net/socket.h"

namespace gw {

struct Listener {
  UniqueFd fd;
  bool proxy_protocol = false;  // what trusted proxies send begins with a header of theirs (proxy_header.h)
  bool tls = false;             // before anything else but that (tls_session.h)
};

class ListenerSet {
 public:
  struct Events {
    std::function<void(Accepted&& peer, const SocketAddress& local, const Listener& by)> accepted;
    // Each time: `again` says that the one before had failed as well.
    std::function<void(const Error& error, bool again)> failed;
    // The first that works after so many failures.
    std::function<void(uint64_t failures)> recovered;
  };

  static constexpr Duration kRest = 100ms;

  // `poller` outlives it. Of its keys those with the top bit belong to listeners.
  ListenerSet(Poller& poller, Events events) : poller_(poller), events_(std::move(events)) {}

  static bool is_key(uint64_t key) { return (key & kKey) != 0; }

  void add(Listener listener, TimePoint now);
  void add(UniqueFd listener, TimePoint now) { add(Listener{std::move(listener)}, now); }
  // Closes all of them. Who waits in the backlog of one that others have as well is left to those.
  void close();
  // A listener is readable. Takes a bounded number: the rest of the turn is for those who are here.
  void on_ready(uint64_t key, TimePoint now);
  // Ends a rest that is over. To be called at least as often as somebody may be kept waiting.
  void tick(TimePoint now) {
    if (resting_ && now >= rest_until_) wake(now);
  }
  // False while nobody can come in.
  bool is_accepting() const { return failures_ == 0; }

 private:
  static constexpr uint64_t kKey = uint64_t{1} << 63;  // | index

  void accept_some(const Listener& listener, TimePoint now);
  void rest(TimePoint now);
  void wake(TimePoint now);

  Poller& poller_;
  const Events events_;
  std::vector<Listener> listeners_;
  uint64_t failures_ = 0;  // in a row
  bool resting_ = false;   // none of them is in the poller
  TimePoint rest_until_;
};

}  // namespace gw
