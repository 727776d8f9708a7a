// What the server under test has used so far, read from outside it: CPU time and resident memory,
// summed over the processes it consists of.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace gw::bench {

struct Memory {
  int64_t rss_bytes = 0;
  int64_t pss_bytes = 0;
  int64_t anonymous_bytes = 0;
};

// Used so far, in nanoseconds.
struct CpuTime {
  int64_t server = 0;
  int64_t redis = 0;
};

class ServerProcess {
 public:
  // None is a server that uses nothing.
  explicit ServerProcess(std::vector<pid_t> pids);

  // User and system time of all threads, ended ones too, from the scheduler's own clock: nanoseconds, not
  // ticks.
  int64_t cpu_ns() const;
  // /proc/<pid>/smaps_rollup.
  Memory memory() const;

 private:
  std::vector<pid_t> pids_;
  std::vector<clockid_t> clocks_;
};

}  // namespace gw::bench
