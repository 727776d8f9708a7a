// A level-triggered epoll loop for one thread. Handlers are the caller's and outlive their registration.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace gw::bench {

class Loop {
 public:
  class Handler {
   public:
    virtual void on_ready(uint32_t events) = 0;

   protected:
    ~Handler() = default;
  };

  // Everything a run does has to be over `time_limit_s` seconds from now, or wait_until() throws.
  explicit Loop(double time_limit_s);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void add(int fd, uint32_t events, Handler& handler);
  void modify(int fd, uint32_t events, Handler& handler);
  void remove(int fd);

  // One turn: waits at most `timeout_ms` and calls the handlers that are ready.
  void turn(int timeout_ms);
  // The same, waiting until this time (now_ns()), which may be over, to the nearest few microseconds.
  void turn_until(int64_t until_ns);
  // Turns until `done` says so. Throws "time limit: <what>" at the limit.
  void wait_until(std::string_view what, const std::function<bool()>& done);
  // Goes on serving the sockets (pings want an answer) for this long.
  void idle_for(double seconds);

  // Read into by every connection in turn; nothing in it survives the handler's return.
  std::span<char> scratch() { return scratch_; }

 private:
  void dispatch(int count);

  int epoll_fd_;
  int64_t deadline_ns_;
  std::array<epoll_event, 512> ready_{};
  std::vector<char> scratch_;
};

}  // namespace gw::bench
