#include "base/log_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace gw::log {

struct Writer::State {
  explicit State(Options o) : options(std::move(o)) {
    pending.reserve(options.buffer_bytes);
    writing.reserve(options.buffer_bytes);
  }

  const Options options;
  // Bytes; what is put counts before it is written.
  std::atomic<uint64_t> put = 0;
  std::atomic<uint64_t> written = 0;

  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex. Nothing is allocated under it, and nobody waits under it.
  std::string pending;
  EventLimit limit;
  uint64_t dropped_total = 0;
  uint64_t dropped_told = 0;
  bool ending = false;

  // Touched by the writer's thread only.
  std::string writing;
};

namespace {

// What the writer's own thread tells of lost lines is not lost for want of room itself: it has two lines a
// turn.
thread_local bool is_writers_thread = false;

// A descriptor that cannot be written loses what it was given; there is no place to say so.
void write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written >= 0) {
      data.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      // Somebody else has made our terminal non-blocking.
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

}  // namespace

Writer::Writer(Options options) : state_(std::make_shared<State>(std::move(options))) {
  // Signals are for the loops.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([state = state_] { run(*state); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Writer::~Writer() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->wake.notify_one();
}

bool Writer::admits(std::string_view event, TimePoint now) {
  const std::lock_guard lock(state_->mutex);
  return state_->limit.admits(event, now);
}

void Writer::put(std::string_view line) {
  {
    const std::lock_guard lock(state_->mutex);
    if (!is_writers_thread && state_->pending.size() + line.size() > state_->options.buffer_bytes) {
      ++state_->dropped_total;
      return;
    }
    state_->put.fetch_add(line.size(), std::memory_order_relaxed);
    state_->pending.append(line);
  }
  state_->wake.notify_one();
}

std::optional<EventLimit::LeftOut> Writer::take_left_out() {
  const std::lock_guard lock(state_->mutex);
  return state_->limit.take_left_out(TimePoint::max());
}

bool Writer::drain(Duration wait_max) const {
  const uint64_t goal = state_->put.load(std::memory_order_relaxed);
  for (const TimePoint end = steady_now() + wait_max; state_->written.load() < goal;) {
    if (steady_now() >= end) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

Stats Writer::stats() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->dropped_total, state_->limit.left_out_total()};
}

void Writer::run(State& state) {
  pthread_setname_np(pthread_self(), "log");
  is_writers_thread = true;
  std::unique_lock lock(state.mutex);
  for (;;) {
    const std::optional<EventLimit::LeftOut> left_out = state.limit.take_left_out(steady_now());
    const uint64_t dropped = state.dropped_total - std::exchange(state.dropped_told, state.dropped_total);
    if (state.pending.empty() && !left_out && dropped == 0) {
      if (state.ending) return;
      if (const std::optional<TimePoint> next = state.limit.next_look()) {
        state.wake.wait_until(lock, *next);
      } else {
        state.wake.wait(lock);
      }
      continue;
    }
    std::swap(state.pending, state.writing);
    lock.unlock();
    // Behind what was there when they were lost, before what came later.
    if (dropped > 0 && state.options.on_dropped) state.options.on_dropped(dropped);
    if (left_out && state.options.on_left_out) state.options.on_left_out(*left_out);
    write_all(state.options.fd, state.writing);
    state.written.fetch_add(state.writing.size());
    state.writing.clear();
    lock.lock();
  }
}

}  // namespace gw::log
