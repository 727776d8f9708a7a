#include <string>
#include <vector>

#include "load/fleet.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

// Enough to touch every path once; few beside the connections that are measured.
constexpr size_t kWarmUp = 100;

// One for each client; empty for those that show none.
std::vector<std::string> tokens_of(Bench& bench, const IdleOptions& options, size_t count) {
  if (options.anonymous) return std::vector<std::string>(count);
  return make_sessions(bench.loop, bench.target, count);
}

double each(int64_t after, int64_t before, size_t count) {
  return static_cast<double>(after - before) / static_cast<double>(count);
}

}  // namespace

void run_idle(Bench& bench, const IdleOptions& options, Report& report) {
  {
    const auto tokens = tokens_of(bench, options, kWarmUp);
    Fleet warm_up(bench.loop, bench.target, kWarmUp,
                  [&](size_t i) { return bench.target.subscriber_resource(tokens[i]); });
    warm_up.open_all({});
    warm_up.close_all();
  }
  bench.loop.idle_for(options.settle_s);
  const Memory bare = bench.server.memory();
  const Memory bare_redis = bench.redis_process.memory();
  const auto tokens = tokens_of(bench, options, options.connections);
  const Memory with_sessions = bench.server.memory();
  Fleet fleet(bench.loop, bench.target, options.connections,
              [&](size_t i) { return bench.target.subscriber_resource(tokens[i]); });
  fleet.open_all({.per_second = options.per_second});
  bench.loop.idle_for(options.settle_s);
  const Memory open = bench.server.memory();
  const Memory open_redis = bench.redis_process.memory();
  bench.mark("idle");
  bench.loop.idle_for(options.hold_s);
  bench.mark({});

  report.add("connections", static_cast<double>(options.connections));
  // Strictest first: what the gateway keeps of each one's session is counted too.
  report.add("rss_bytes_per_connection", each(open.rss_bytes, bare.rss_bytes, options.connections));
  report.add("rss_bytes_per_connection_without_session",
             each(open.rss_bytes, with_sessions.rss_bytes, options.connections));
  report.add("pss_bytes_per_connection", each(open.pss_bytes, bare.pss_bytes, options.connections));
  report.add("anonymous_bytes_per_connection",
             each(open.anonymous_bytes, bare.anonymous_bytes, options.connections));
  report.add("rss_mib_before", static_cast<double>(bare.rss_bytes) / 1048576);
  report.add("rss_mib", static_cast<double>(open.rss_bytes) / 1048576);
  if (bench.redis) {
    report.add("redis_rss_bytes_per_connection",
               each(open_redis.rss_bytes, bare_redis.rss_bytes, options.connections));
  }
  fleet.close_all();
}

}  // namespace gw::bench
