#include "load/clock.h"
#include "load/run_readers.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

struct Paced {
  size_t late = 0;  // an agent that had no answer yet when its next words were due, and left them out
};

// Every run so often a second, evenly spread.
Paced pace(Bench& bench, RunAgents& agents, double per_second, double seconds) {
  Paced paced;
  const double all_per_ns = per_second * static_cast<double>(agents.runs().size()) / 1e9;
  const int64_t start = now_ns();
  const auto total = static_cast<size_t>(seconds * 1e9 * all_per_ns);
  for (size_t said = 0; said < total;) {
    const auto due = std::min(total, static_cast<size_t>(static_cast<double>(now_ns() - start) * all_per_ns));
    for (; said < due; ++said) {
      const size_t run = said % agents.runs().size();
      if (agents.is_busy(run)) {
        ++paced.late;
      } else {
        agents.append(run);
      }
    }
    bench.loop.turn(1);
  }
  bench.loop.wait_until("answers", [&] { return agents.answered() == agents.appended(); });
  return paced;
}

}  // namespace

void run_run_pace(Bench& bench, const RunPaceOptions& options, Report& report) {
  const auto dialect = make_run_dialect(bench.target, options.bytes);
  const auto tokens = make_sessions(bench.loop, bench.target, options.runs);
  auto names = make_run_names(options.runs);
  for (size_t i = 0; i < names.size(); ++i) names[i].user = session_user(tokens[i]);
  RunAgents agents(bench.loop, bench.target, *dialect, std::move(names),
                   {.agents = options.runs, .append_bytes = options.bytes, .readers = 1});
  agents.create();
  RunReaders readers(bench.loop, bench.target, *dialect, agents, tokens,
                     std::vector<RunReaders::Place>(tokens.size()));
  readers.open_all({});
  pace(bench, agents, options.per_second, options.warm_up_s);
  readers.wait_caught_up();
  readers.reset_latencies();

  const uint64_t appended = agents.appended();
  const CpuTime before = bench.cpu();
  const int64_t wall = now_ns();
  const Paced paced = pace(bench, agents, options.per_second, options.seconds);
  readers.wait_caught_up();
  const auto wall_ns = static_cast<double>(now_ns() - wall);
  const CpuTime after = bench.cpu();

  const size_t appends = agents.appended() - appended;
  const double asked_per_s = options.per_second * static_cast<double>(options.runs);
  const auto cores = [&](int64_t ns) {
    return static_cast<double>(ns) / static_cast<double>(appends) * asked_per_s / 1e9;
  };
  report.add("runs", static_cast<double>(options.runs));
  report.add_cpu("append", before, after, appends);
  report.add("appends_per_s", static_cast<double>(appends) / (wall_ns / 1e9));
  report.add("repeated", static_cast<double>(agents.repeated()));
  report.add("late", static_cast<double>(paced.late));
  // Of what was asked for, should the machine have been too slow for it.
  report.add("cores", cores(after.server - before.server));
  if (bench.redis) report.add("redis_cores", cores(after.redis - before.redis));
  report.add("delivery", readers.latencies());
  readers.close_all();
}

}  // namespace gw::bench
