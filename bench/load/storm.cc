#include "load/clock.h"
#include "load/fleet.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

struct Lap {
  int64_t cpu_ns;
  int64_t wall_ns;
};

template <class Action>
Lap timed(const ServerProcess& server, Action&& action) {
  const int64_t cpu = server.cpu_ns();
  const int64_t wall = now_ns();
  action();
  return {server.cpu_ns() - cpu, now_ns() - wall};
}

double us_each(const Lap& lap, size_t count) {
  return static_cast<double>(lap.cpu_ns) / 1e3 / static_cast<double>(count);
}

double per_second(const Lap& lap, size_t count) {
  return static_cast<double>(count) / (static_cast<double>(lap.wall_ns) / 1e9);
}

}  // namespace

void run_storm(Bench& bench, const StormOptions& options, Report& report) {
  const Pace pace{.concurrency = options.concurrency};
  std::vector<std::string> tokens;
  const auto resource = [&](size_t i) { return bench.target.subscriber_resource(tokens[i]); };

  tokens = make_sessions(bench.loop, bench.target, options.warm_up);
  Fleet warm_up(bench.loop, bench.target, options.warm_up, resource);
  warm_up.open_all(pace);
  warm_up.close_all();

  const Lap sessions =
      timed(bench.server, [&] { tokens = make_sessions(bench.loop, bench.target, options.connections); });
  Fleet fleet(bench.loop, bench.target, options.connections, resource);
  const Lap connects = timed(bench.server, [&] { fleet.open_all(pace); });
  const Lap disconnects = timed(bench.server, [&] { fleet.close_all(); });

  report.add("connections", static_cast<double>(options.connections));
  report.add("cpu_us_per_connect", us_each(connects, options.connections));
  report.add("cpu_us_per_disconnect", us_each(disconnects, options.connections));
  report.add("connects_per_s", per_second(connects, options.connections));
  report.add("connect", fleet.open_times());
  if (bench.target.welcomes()) report.add("cpu_us_per_session_made", us_each(sessions, options.connections));
}

}  // namespace gw::bench
