#include "load/loop.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include "load/clock.h"

namespace gw::bench {
namespace {

constexpr size_t kScratchBytes = 256 * 1024;
constexpr int kTurnMs = 100;

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Loop::Loop(double time_limit_s)
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      deadline_ns_(now_ns() + static_cast<int64_t>(time_limit_s * 1e9)),
      scratch_(kScratchBytes) {
  check(epoll_fd_, "epoll_create1");
}

Loop::~Loop() { ::close(epoll_fd_); }

void Loop::add(int fd, uint32_t events, Handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  check(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl add");
}

void Loop::modify(int fd, uint32_t events, Handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  check(epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event), "epoll_ctl modify");
}

void Loop::remove(int fd) { check(epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr), "epoll_ctl remove"); }

void Loop::turn(int timeout_ms) {
  dispatch(epoll_wait(epoll_fd_, ready_.data(), static_cast<int>(ready_.size()), timeout_ms));
}

void Loop::turn_until(int64_t until_ns) {
  const int64_t left = std::max<int64_t>(0, until_ns - now_ns());
  const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  dispatch(epoll_pwait2(epoll_fd_, ready_.data(), static_cast<int>(ready_.size()), &timeout, nullptr));
}

void Loop::dispatch(int count) {
  if (count < 0 && errno != EINTR) check(count, "epoll_wait");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready_[static_cast<size_t>(i)];
    static_cast<Handler*>(event.data.ptr)->on_ready(event.events);
  }
}

void Loop::wait_until(std::string_view what, const std::function<bool()>& done) {
  while (!done()) {
    if (now_ns() > deadline_ns_) throw std::runtime_error("time limit: " + std::string(what));
    turn(kTurnMs);
  }
}

void Loop::idle_for(double seconds) {
  const int64_t end = std::min(now_ns() + static_cast<int64_t>(seconds * 1e9), deadline_ns_);
  for (int64_t left = end - now_ns(); left > 0; left = end - now_ns()) {
    turn(static_cast<int>(left / 1'000'000 + 1));
  }
}

}  // namespace gw::bench
