// Preloaded into a real redis-server: its calendar is a number in a file, in microseconds since 1970.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

int64_t microseconds() {
  static const auto* const shared = [] {
    const int fd = ::open(std::getenv("GATEWAY_FROZEN_CLOCK"), O_RDONLY | O_CLOEXEC);
    if (fd < 0) std::abort();
    void* const memory = ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) std::abort();
    ::close(fd);
    return static_cast<const std::atomic<int64_t>*>(memory);
  }();
  return shared->load();
}

}  // namespace

extern "C" {

int gettimeofday(timeval* out, void*) noexcept {
  const int64_t now = microseconds();
  *out = {now / 1'000'000, now % 1'000'000};
  return 0;
}

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) {
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, out));
  }
  const int64_t now = microseconds();
  *out = {now / 1'000'000, now % 1'000'000 * 1000};
  return 0;
}

time_t time(time_t* out) noexcept {
  const time_t now = microseconds() / 1'000'000;
  if (out) *out = now;
  return now;
}
}
