#include "gateway/dealt_listeners.h"

#include "base/log.h"

namespace gw {

DealtListeners::DealtListeners(EventLoop& loop, Deal deal)
    : loop_(loop),
      deal_(std::move(deal)),
      listeners_(poller_,
                 {.accepted =
                      [this](Accepted&& peer, const SocketAddress& local, const Listener& by) {
                        deal_({std::move(peer.fd), {}, peer.peer, local, false, by.proxy_protocol, by.tls});
                      },
                  .failed =
                      [](const Error& error, bool again) {
                        if (!again) log::warn("accept_failed", {{"error", error.detail}});
                      },
                  .recovered =
                      [](uint64_t failures) {
                        log::warn("accept_works_again", {{"failures", failures}});
                      }}) {}

void DealtListeners::open() {
  if (waiting_.empty()) return;
  is_open_ = true;
  for (Listener& listener : waiting_) listeners_.add(std::move(listener), loop_.now());
  waiting_.clear();
  ready_ = loop_.watch(poller_.fd(), [this] { accept_ready(); });
  tick_ = loop_.every(ListenerSet::kRest, [this] { listeners_.tick(loop_.now()); });
}

void DealtListeners::close() {
  is_open_ = false;
  waiting_.clear();
  listeners_.close();
  ready_.reset();
  tick_.reset();
}

void DealtListeners::accept_ready() {
  for (const epoll_event& event : poller_.wait(Duration(0))) listeners_.on_ready(event.data.u64, loop_.now());
}

}  // namespace gw
