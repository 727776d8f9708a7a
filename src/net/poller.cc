#include "net/poller.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/assert.h"

namespace gw {

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { ASSERT(epoll_); }

bool Poller::add(int fd, uint32_t events, uint64_t key) {
  epoll_event event{events, {.u64 = key}};
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::change(int fd, uint32_t events, uint64_t key) {
  epoll_event event{events, {.u64 = key}};
  const int changed = epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
  ASSERT(changed == 0);
}

void Poller::remove(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

std::span<epoll_event> Poller::wait(Duration timeout) {
  const auto ms = std::min<int64_t>(std::chrono::ceil<std::chrono::milliseconds>(timeout).count(), INT_MAX);
  const int n = epoll_wait(epoll_.get(), events_.data(), kEventsMax, static_cast<int>(ms));
  if (n < 0) {
    ASSERT(errno == EINTR);
    return {};
  }
  return {events_.data(), static_cast<size_t>(n)};
}

}  // namespace gw
