// A redis-server of the test program's own, and three sentinels that watch it: all are ended with the
// program.
#pragma once

#include <fstream>

#include "engine/redis/server_testing.h"

namespace gw::redis {

class TestSentinels {
 public:
  // The one set that tests share; each takes a key prefix of its own.
  static TestSentinels& shared() {
    static TestSentinels sentinels;
    return sentinels;
  }

  // Whoever needs them asks until they answer; they name their master before they have found each other.
  TestSentinels()
      : ports_(free_ports(kCount + 1)), master_(ports_[kCount]), directory_(make_test_directory()) {
    for (size_t i = 0; i < kCount; ++i) begin(i);
  }
  ~TestSentinels() {
    for (const pid_t pid : pids_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  TestSentinels(const TestSentinels&) = delete;
  TestSentinels& operator=(const TestSentinels&) = delete;

  Url url() const {
    Url url;
    for (size_t i = 0; i < kCount; ++i) url.hosts.push_back({"127.0.0.1", ports_[i]});
    url.sentinel_master = kMaster;
    return url;
  }

 private:
  static constexpr size_t kCount = 3;
  static constexpr const char* kMaster = "mymaster";

  // A machine that stands still for a while is no reason to call the master lost.
  std::string settings(size_t i) const {
    const std::string name = kMaster;
    return "port " + std::to_string(ports_[i]) + "\nbind 127.0.0.1\ndir " + directory_.native() +
           "\nlogfile \"" + std::to_string(i) + ".log\"\nsentinel monitor " + name + " 127.0.0.1 " +
           std::to_string(ports_[kCount]) + " 2\nsentinel down-after-milliseconds " + name + " 60000\n";
  }

  // Each writes down in its file what it learns.
  void begin(size_t i) {
    const std::filesystem::path file = directory_ / (std::to_string(i) + ".conf");
    std::ofstream(file) << settings(i);
    pids_[i] = ::fork();
    if (pids_[i] < 0) throw std::runtime_error("no process for a sentinel");
    if (pids_[i] > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execlp("redis-server", "redis-server", file.c_str(), "--sentinel", nullptr);
    ::_exit(127);
  }

  const std::vector<uint16_t> ports_;
  const TestServer master_;
  const std::filesystem::path directory_;
  std::array<pid_t, kCount> pids_{};
};

}  // namespace gw::redis
