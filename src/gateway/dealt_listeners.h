// Listeners that shards can't have one each of: Unix sockets, and sockets that somebody has passed to us. The
// control loop accepts, and deals those who come to the shards. Were all shards to wait for one socket, the
// kernel would wake the same ones again and again, and connections that stay for hours would stay there.
#pragma once

#include <functional>
#include <vector>

#include "net/event_loop.h"
#include "net/http/server.h"
#include "net/listener.h"
#include "net/poller.h"

namespace gw {

class DealtListeners {
 public:
  using Deal = std::function<void(http::Handover)>;

  // `loop` outlives it.
  DealtListeners(EventLoop& loop, Deal deal);

  void add(Listener listener) { waiting_.push_back(std::move(listener)); }
  bool is_empty() const { return waiting_.empty() && !is_open_; }
  // From then on it accepts.
  void open();
  // Those who wait in the backlog are left to whoever has the socket as well.
  void close();
  bool is_accepting() const { return listeners_.is_accepting(); }

 private:
  void accept_ready();

  EventLoop& loop_;
  const Deal deal_;
  Poller poller_;
  ListenerSet listeners_;
  std::vector<Listener> waiting_;  // until open()
  bool is_open_ = false;
  EventLoop::Registration ready_;
  EventLoop::Registration tick_;
};

}  // namespace gw
