// epoll(7), level-triggered, with what a shard needs of it and no more.
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

  // Keys of descriptors that are no client's (client_table.h keeps these bits free).
  static constexpr uint64_t kListenerKey = uint64_t{1} << 63;  // | index of the listener
  static constexpr uint64_t kInboxKey = uint64_t{3} << 62;

  Poller();

  // `key` comes back with the descriptor's events. False: the kernel refused (no memory, max_user_watches).
  [[nodiscard]] bool add(int fd, uint32_t events, uint64_t key);
  void change(int fd, uint32_t events, uint64_t key);
  // Before a descriptor is handed to somebody else; closing one removes it by itself.
  void remove(int fd);

  // Up to 256 events; `timeout` is rounded up to whole milliseconds.
  std::span<const epoll_event> wait(Duration timeout);

 private:
  UniqueFd epoll_;
  std::array<epoll_event, 256> events_;
};

}  // namespace gw
