#include "load/process.h"

#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>

namespace gw::bench {

ServerProcess::ServerProcess(std::vector<pid_t> pids) : pids_(std::move(pids)) {
  for (const pid_t pid : pids_) {
    clockid_t clock{};
    if (clock_getcpuclockid(pid, &clock) != 0) throw std::runtime_error("no process " + std::to_string(pid));
    clocks_.push_back(clock);
  }
}

int64_t ServerProcess::cpu_ns() const {
  int64_t total = 0;
  for (const clockid_t clock : clocks_) {
    timespec t{};
    if (clock_gettime(clock, &t) != 0) throw std::runtime_error("the server process has ended");
    total += static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
  }
  return total;
}

Memory ServerProcess::memory() const {
  Memory total;
  for (const pid_t pid : pids_) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    std::string line;
    std::getline(file, line);  // the address range of the whole
    std::string key;
    std::string unit;
    int64_t kib = 0;
    while (file >> key >> kib >> unit) {
      if (key == "Rss:") total.rss_bytes += kib * 1024;
      if (key == "Pss:") total.pss_bytes += kib * 1024;
      if (key == "Anonymous:") total.anonymous_bytes += kib * 1024;
    }
  }
  if (total.rss_bytes == 0 && !pids_.empty())
    throw std::runtime_error("cannot read the server's memory (smaps_rollup)");
  return total;
}

}  // namespace gw::bench
