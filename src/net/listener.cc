#include "net/listener.h"

#include <utility>

namespace gw {
namespace {

constexpr int kAcceptsPerTurnMax = 256;

}  // namespace

void ListenerSet::add(Listener listener, TimePoint now) {
  listeners_.push_back(std::move(listener));
  if (resting_) return;
  if (!poller_.add(listeners_.back().fd.get(), EPOLLIN, kKey | (listeners_.size() - 1))) rest(now);
}

void ListenerSet::close() {
  // Closing would not do: epoll knows a socket until the last of its owners has closed it.
  for (const Listener& listener : listeners_) poller_.remove(listener.fd.get());
  listeners_.clear();
}

void ListenerSet::on_ready(uint64_t key, TimePoint now) {
  const size_t index = key & ~kKey;
  if (index < listeners_.size()) accept_some(listeners_[index], now);
}

void ListenerSet::accept_some(const Listener& listener, TimePoint now) {
  for (int i = 0; i < kAcceptsPerTurnMax; ++i) {
    Result<std::optional<Accepted>> accepted = accept_from(listener.fd.get());
    if (!accepted) {
      events_.failed(accepted.error(), failures_++ != 0);
      return rest(now);
    }
    if (failures_ != 0) events_.recovered(std::exchange(failures_, 0));
    if (!*accepted) return;
    // One that has gone meanwhile has no address.
    const Result<SocketAddress> local = local_address((*accepted)->fd.get());
    if (local) events_.accepted(std::move(**accepted), *local, listener);
  }
}

void ListenerSet::rest(TimePoint now) {
  for (const Listener& listener : listeners_) poller_.remove(listener.fd.get());
  resting_ = true;
  rest_until_ = now + kRest;
}

void ListenerSet::wake(TimePoint now) {
  resting_ = false;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (!poller_.add(listeners_[i].fd.get(), EPOLLIN, kKey | i)) return rest(now);
  }
  // Whether it works shows without a client too: the kernel looks for a descriptor first.
  if (failures_ != 0 && !listeners_.empty()) accept_some(listeners_.front(), now);
}

}  // namespace gw
