#include <fstream>
#include <stdexcept>
#include <utility>

#include "load/clock.h"
#include "load/fleet.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

struct Lap {
  CpuTime before;
  CpuTime after;
  int64_t wall_ns;
};

template <class Action>
Lap timed(const Bench& bench, std::string_view phase, Action&& action) {
  bench.mark(phase);
  const CpuTime before = bench.cpu();
  const int64_t wall = now_ns();
  action();
  const Lap lap{before, bench.cpu(), now_ns() - wall};
  bench.mark({});
  return lap;
}

// On Redis the records go a moment after the connections.
void leave(const Bench& bench, Fleet& fleet) {
  fleet.close_all();
  if (bench.redis) bench.redis->wait_registry_empty(bench.loop);
}

double per_second(const Lap& lap, size_t count) {
  return static_cast<double>(count) / (static_cast<double>(lap.wall_ns) / 1e9);
}

// Tokens in the order in which they are asked for: out of a file, or of sessions that are made.
class Tokens {
 public:
  Tokens(Bench& bench, const std::string& path) : bench_(bench) {
    if (path.empty()) return;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) given_.push_back(std::move(line));
    if (given_.empty()) throw std::runtime_error("no tokens in " + path);
  }

  bool are_made() const { return given_.empty(); }
  std::vector<std::string> take(size_t count) {
    if (are_made()) return make_sessions(bench_.loop, bench_.target, count);
    if (given_.size() - taken_ < count) throw std::runtime_error("too few tokens");
    const auto first = given_.begin() + static_cast<ptrdiff_t>(std::exchange(taken_, taken_ + count));
    return {first, first + static_cast<ptrdiff_t>(count)};
  }

 private:
  Bench& bench_;
  std::vector<std::string> given_;
  size_t taken_ = 0;
};

}  // namespace

void run_storm(Bench& bench, const StormOptions& options, Report& report) {
  const Pace pace{.concurrency = options.concurrency};
  Tokens all(bench, options.tokens_file);
  std::vector<std::string> tokens;
  const auto resource = [&](size_t i) { return bench.target.subscriber_resource(tokens[i]); };

  tokens = all.take(options.warm_up);
  Fleet warm_up(bench.loop, bench.target, options.warm_up, resource);
  warm_up.open_all(pace);
  leave(bench, warm_up);

  const Lap sessions = timed(bench, "session", [&] { tokens = all.take(options.connections); });
  Fleet fleet(bench.loop, bench.target, options.connections, resource);
  const Lap connects = timed(bench, "connect", [&] { fleet.open_all(pace); });
  const Lap disconnects = timed(bench, "disconnect", [&] { leave(bench, fleet); });

  report.add("connections", static_cast<double>(options.connections));
  report.add_cpu("connect", connects.before, connects.after, options.connections);
  report.add_cpu("disconnect", disconnects.before, disconnects.after, options.connections);
  report.add("connects_per_s", per_second(connects, options.connections));
  report.add("connect", fleet.open_times());
  if (bench.target.has_sessions() && all.are_made())
    report.add_cpu("session_made", sessions.before, sessions.after, options.connections);
}

}  // namespace gw::bench
