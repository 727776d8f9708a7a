// simulation [--seeds N] [--seed S] [--jobs J] [--history]: runs seeds S, S+1, ...; ends with 1 when one
// fails.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "sim/scenario.h"

namespace gw::sim {
namespace {

struct Options {
  uint64_t first = 1;
  uint64_t count = 500;
  size_t jobs = 2;
  bool history = false;
};

constexpr unsigned kSeedSecondsMax = 60;  // of a processor
constexpr size_t kFailuresShown = 10;
constexpr uint64_t kComparedSeeds = 5;  // run twice: both have to come to the same

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto number = [&] { return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0; };
    if (name == "--seeds") {
      options.count = number();
    } else if (name == "--seed") {
      options.first = number();
    } else if (name == "--jobs") {
      options.jobs = std::max<size_t>(1, number());
    } else if (name == "--history") {
      options.history = true;
    } else {
      std::fprintf(stderr, "usage: simulation [--seeds N] [--seed S] [--jobs J] [--history]\n");
      std::exit(2);
    }
  }
  return options;
}

// A process for each: they begin alike, and one that dies takes no other with it.
struct Run {
  uint64_t seed = 0;
  pid_t pid = -1;
  int from = -1;
  std::string said;  // "ok FINGERPRINT", or what is wrong
};

Run start(uint64_t seed) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);  // the gateways' log
    const rlimit cpu{kSeedSecondsMax, kSeedSecondsMax + 1};
    ::setrlimit(RLIMIT_CPU, &cpu);
    Scenario scenario(seed, false);
    std::string said = scenario.run();
    if (said.empty()) said = "ok " + std::to_string(scenario.world().fingerprint());
    const ssize_t written = ::write(ends[1], said.data(), said.size());
    std::_Exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  return {seed, pid, ends[0], {}};
}

// True: it has ended, and `said` is its verdict.
bool read_from(Run& run) {
  char bytes[4096];
  const ssize_t got = ::read(run.from, bytes, sizeof(bytes));
  if (got > 0) run.said.append(bytes, static_cast<size_t>(got));
  if (got > 0) return false;
  ::close(run.from);
  int status = 0;
  ::waitpid(run.pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  const bool late = WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU;
  run.said =
      late ? "it did not end within " + std::to_string(kSeedSecondsMax) + " s" : "the process died of it";
  return true;
}

class Report {
 public:
  explicit Report(uint64_t count) : count_(count) {}

  void take(const Run& run) {
    if (!run.said.starts_with("ok ")) return bad(run.seed, run.said);
    const auto [known, first] = fingerprints_.emplace(run.seed, run.said);
    if (!first && known->second != run.said) bad(run.seed, "two runs of it differ");
    if (!first || fingerprints_.size() % 100 != 0) return;
    std::printf("%zu of %lu seeds\n", fingerprints_.size(), count_);
    std::fflush(stdout);
  }
  size_t failed() const { return failed_.size(); }

 private:
  void bad(uint64_t seed, const std::string& reason) {
    if (!failed_.emplace(seed, reason).second || failed_.size() > kFailuresShown) return;
    std::printf("FAILED seed %lu: %s\n  its history: scripts/sim --seed %lu\n", seed, reason.c_str(), seed);
    std::fflush(stdout);
  }

  const uint64_t count_;
  std::map<uint64_t, std::string> fingerprints_;
  std::map<uint64_t, std::string> failed_;
};

int run_all(const Options& options) {
  const auto began = std::chrono::steady_clock::now();
  Report report(options.count);
  std::vector<uint64_t> seeds;
  for (uint64_t i = 0; i < std::min(kComparedSeeds, options.count); ++i) seeds.push_back(options.first + i);
  for (uint64_t i = 0; i < options.count; ++i) seeds.push_back(options.first + i);
  std::vector<Run> runs;
  for (size_t next = 0; next < seeds.size() || !runs.empty();) {
    while (next < seeds.size() && runs.size() < options.jobs) runs.push_back(start(seeds[next++]));
    std::vector<pollfd> waiting;
    for (const Run& run : runs) waiting.push_back({run.from, POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), -1);
    for (size_t i = runs.size(); i-- > 0;) {
      if (waiting[i].revents == 0 || !read_from(runs[i])) continue;
      report.take(runs[i]);
      runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("%lu seeds, %zu failed, %.0f s\n", options.count, report.failed(), seconds);
  return report.failed() == 0 ? 0 : 1;
}

int run_with_history(uint64_t seed) {
  Scenario scenario(seed, true);
  const std::string wrong = scenario.run();
  std::printf("seed %lu: %s (fingerprint %lu, %lu events)\n", seed,
              wrong.empty() ? "all is well" : wrong.c_str(), scenario.world().fingerprint(),
              scenario.world().events());
  return wrong.empty() ? 0 : 1;
}

}  // namespace
}  // namespace gw::sim

int main(int argc, char** argv) {
  const gw::sim::Options options = gw::sim::parse(argc, argv);
  return options.history ? gw::sim::run_with_history(options.first) : gw::sim::run_all(options);
}
