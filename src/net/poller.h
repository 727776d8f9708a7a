// epoll(7), level-triggered: of a loop as its only wait, of the HTTP server as one descriptor of its loop.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/time.h"
#include "net/socket.h"

namespace gw {

class Poller {
 public:
  static constexpr uint32_t kReadable = EPOLLIN | EPOLLRDHUP;
  static constexpr uint32_t kWritable = EPOLLOUT;
  static constexpr uint32_t kWake = EPOLLIN | EPOLLET;  // of an eventfd: an event for each wake, uncleared

  Poller();

  // `key` comes back with the descriptor's events. False: the kernel refused (no memory, max_user_watches).
  [[nodiscard]] bool add(int fd, uint32_t events, uint64_t key);
  void change(int fd, uint32_t events, uint64_t key);
  // Before a descriptor is handed to somebody else; closing one removes it by itself.
  void remove(int fd);

  // Readable while an event waits.
  int fd() const { return epoll_.get(); }
  static constexpr size_t kEventsMax = 256;
  // At most kEventsMax events, valid until the next call; `timeout` is rounded up to whole milliseconds.
  std::span<epoll_event> wait(Duration timeout);

 private:
  UniqueFd epoll_;
  std::array<epoll_event, kEventsMax> events_;
};

}  // namespace gw
