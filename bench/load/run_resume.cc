#include "load/clock.h"
#include "load/run_readers.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

struct Lap {
  CpuTime before;
  CpuTime after;
};

template <class Action>
Lap timed(const Bench& bench, Action&& action) {
  const CpuTime before = bench.cpu();
  action();
  return {before, bench.cpu()};
}

std::vector<RunReaders::Place> places_of(const RunAgents& agents) {
  std::vector<RunReaders::Place> places;
  for (const WrittenRun& run : agents.runs()) places.push_back({.pos = run.pos, .cursor = run.cursor});
  return places;
}

}  // namespace

// Each reads a run of his own, has half of it, and comes back for the other half.
void run_run_resume(Bench& bench, const RunResumeOptions& options, Report& report) {
  const Pace pace{.concurrency = options.concurrency};
  const auto dialect = make_run_dialect(bench.target, options.bytes);
  const auto tokens = make_sessions(bench.loop, bench.target, options.clients);
  auto names = make_run_names(options.clients);
  for (size_t i = 0; i < names.size(); ++i) names[i].user = session_user(tokens[i]);
  RunAgents agents(bench.loop, bench.target, *dialect, std::move(names),
                   {.agents = 16, .append_bytes = options.bytes, .readers = 0});
  agents.create();
  agents.fill(options.appends);
  RunReaders back(bench.loop, bench.target, *dialect, agents, tokens, places_of(agents));
  if (!options.were_elsewhere) {
    RunReaders here(bench.loop, bench.target, *dialect, agents, tokens, places_of(agents));
    here.open_all(pace);
    here.close_all();
  }
  agents.fill(options.appends);

  Fleet plain(bench.loop, bench.target, options.clients,
              [&](size_t i) { return bench.target.subscriber_resource(tokens[i]); });
  plain.open_all(pace);  // so that every path and table has had its first time
  plain.close_all();
  Fleet fleet(bench.loop, bench.target, options.clients,
              [&](size_t i) { return bench.target.subscriber_resource(tokens[i]); });
  const Lap connects = timed(bench, [&] { fleet.open_all(pace); });
  fleet.close_all();
  const Lap resumes = timed(bench, [&] { back.open_all(pace); });

  report.add("clients", static_cast<double>(options.clients));
  report.add_cpu("connect", connects.before, connects.after, options.clients);
  report.add_cpu("resume", resumes.before, resumes.after, options.clients);
  const auto all = [](const Lap& lap) {
    return static_cast<double>(lap.after.server - lap.before.server + lap.after.redis - lap.before.redis);
  };
  report.add("resume_to_connect", all(resumes) / all(connects));
  report.add("repeated_appends", static_cast<double>(agents.repeated()));
  report.add("connect", fleet.open_times());
  report.add("resume", back.open_times());
  back.close_all();
}

}  // namespace gw::bench
