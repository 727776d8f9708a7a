#include "sim/world.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/assert.h"

namespace gw::sim {
namespace {

thread_local World* here_ = nullptr;
constexpr TimePoint kBegin{std::chrono::hours(1000)};
constexpr WallTime kBeginWall{std::chrono::milliseconds(1'800'000'000'000)};

}  // namespace

World::World(uint64_t seed) : random(seed), now_(kBegin) {
  ASSERT(!here_);
  here_ = this;
}

World::~World() { here_ = nullptr; }

World& World::here() {
  ASSERT(here_);
  return *here_;
}

WallTime World::wall_now() const {
  return kBeginWall + std::chrono::duration_cast<std::chrono::milliseconds>(now_ - kBegin);
}

void World::at(TimePoint due, std::function<void()> function) {
  queue_.push({std::max(due, now_), next_number_++, std::move(function)});
}

void World::run_until(TimePoint end) {
  while (!queue_.empty() && queue_.top().due <= end) {
    // The queue lends its top as const; it is taken out at once.
    Event event = std::move(const_cast<Event&>(queue_.top()));
    queue_.pop();
    now_ = event.due;
    ++events_;
    fingerprint_ = fingerprint_ * 1'099'511'628'211ULL +
                   static_cast<uint64_t>(now_.time_since_epoch().count()) + event.number;
    event.function();
  }
  now_ = end;
}

void World::keep_history() {
  keeps_history_ = true;
  log_ = ::memfd_create("log", MFD_CLOEXEC);
  ASSERT(log_ >= 0 && ::dup2(log_, STDERR_FILENO) >= 0);
}

void World::note(std::string_view who, std::string_view what) {
  if (!keeps_history_) return;
  std::printf("%10.3f  %-12.*s %.*s\n", std::chrono::duration<double>(now_ - kBegin).count(),
              static_cast<int>(who.size()), who.data(), static_cast<int>(what.size()), what.data());
}

void World::take_log(std::string_view who) {
  if (!keeps_history_) return;
  struct stat log {};
  if (::fstat(log_, &log) != 0 || static_cast<size_t>(log.st_size) == log_read_) return;
  std::string text(static_cast<size_t>(log.st_size) - log_read_, '\0');
  const ssize_t got = ::pread(log_, text.data(), text.size(), static_cast<off_t>(log_read_));
  log_read_ = static_cast<size_t>(log.st_size);
  // Without the time, which stands before it already.
  constexpr size_t kTimeSize = 25;
  for (std::string_view left(text.data(), static_cast<size_t>(got)); !left.empty();) {
    const size_t end = std::min(left.find('\n'), left.size() - 1);
    if (end > kTimeSize) note(who, left.substr(kTimeSize, end - kTimeSize));
    left.remove_prefix(end + 1);
  }
}

}  // namespace gw::sim
