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

}  // namespace

void run_storm(Bench& bench, const StormOptions& options, Report& report) {
  const Pace pace{.concurrency = options.concurrency};
  std::vector<std::string> tokens;
  const auto resource = [&](size_t i) { return bench.target.subscriber_resource(tokens[i]); };

  tokens = make_sessions(bench.loop, bench.target, options.warm_up);
  Fleet warm_up(bench.loop, bench.target, options.warm_up, resource);
  warm_up.open_all(pace);
  leave(bench, warm_up);

  const Lap sessions =
      timed(bench, "session", [&] { tokens = make_sessions(bench.loop, bench.target, options.connections); });
  Fleet fleet(bench.loop, bench.target, options.connections, resource);
  const Lap connects = timed(bench, "connect", [&] { fleet.open_all(pace); });
  const Lap disconnects = timed(bench, "disconnect", [&] { leave(bench, fleet); });

  report.add("connections", static_cast<double>(options.connections));
  report.add_cpu("connect", connects.before, connects.after, options.connections);
  report.add_cpu("disconnect", disconnects.before, disconnects.after, options.connections);
  report.add("connects_per_s", per_second(connects, options.connections));
  report.add("connect", fleet.open_times());
  if (bench.target.has_sessions())
    report.add_cpu("session_made", sessions.before, sessions.after, options.connections);
}

}  // namespace gw::bench
