#include "load/run_agents.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

// Enough to touch every path once, and less than the burst that a run takes.
constexpr size_t kWarmUp = 100;
constexpr size_t kWarmUpAppends = 300;

struct Used {
  Memory server;
  int64_t redis_bytes = 0;
};

Used settle(Bench& bench, double seconds) {
  bench.loop.idle_for(seconds);
  return {bench.server.memory(), bench.redis ? bench.redis->used_memory() : 0};
}

void write_runs(RunAgents& agents, size_t appends) {
  agents.create();
  agents.fill(appends);
}

}  // namespace

void run_run_memory(Bench& bench, const RunMemoryOptions& options, Report& report) {
  const size_t appends = options.bytes / options.append_bytes;
  const auto dialect = make_run_dialect(bench.target, options.append_bytes);
  const RunAgents::Options how{.agents = 16, .append_bytes = options.append_bytes, .readers = 0};
  {
    RunAgents first(bench.loop, bench.target, *dialect, make_run_names(kWarmUp), how);
    write_runs(first, kWarmUpAppends);
  }
  RunAgents agents(bench.loop, bench.target, *dialect, make_run_names(options.runs), how);
  const Used before = settle(bench, options.settle_s);
  const CpuTime cpu_before = bench.cpu();
  write_runs(agents, appends);
  const CpuTime cpu_after = bench.cpu();
  const Used after = settle(bench, options.settle_s);

  const auto each = [&](int64_t more, int64_t less) {
    return static_cast<double>(more - less) / static_cast<double>(options.runs);
  };
  report.add("runs", static_cast<double>(options.runs));
  report.add("bytes", static_cast<double>(options.bytes));
  report.add("bytes_per_run", each(after.server.rss_bytes, before.server.rss_bytes));
  report.add("anonymous_bytes_per_run", each(after.server.anonymous_bytes, before.server.anonymous_bytes));
  if (bench.redis) report.add("redis_bytes_per_run", each(after.redis_bytes, before.redis_bytes));
  report.add("repeated", static_cast<double>(agents.repeated()));
  report.add_cpu("append", cpu_before, cpu_after, options.runs * appends);
}

}  // namespace gw::bench
