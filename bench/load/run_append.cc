#include <stdexcept>

#include "load/clock.h"
#include "load/run_readers.h"
#include "load/scenarios.h"

namespace gw::bench {
namespace {

// Agents that append one after another: to each of an agent's runs in turn, once its readers have what was
// said before.
class Dictation {
 public:
  Dictation(Bench& bench, RunAgents& agents, RunReaders& readers)
      : bench_(bench), agents_(agents), readers_(readers), turns_(agents.agents()) {
    for (size_t i = 0; i < turns_.size(); ++i) turns_[i] = i;
    agents.on_answer([this](size_t run) { go_on(run % turns_.size()); });
    readers.on_caught_up([this](size_t run) { go_on(run % turns_.size()); });
  }

  void run(size_t appends) {
    left_ = appends;
    for (size_t agent = 0; agent < turns_.size(); ++agent) go_on(agent);
    bench_.loop.wait_until("appends",
                           [this] { return left_ == 0 && agents_.answered() == agents_.appended(); });
    readers_.wait_caught_up();
  }

 private:
  void go_on(size_t agent) {
    size_t& turn = turns_[agent];
    if (left_ == 0 || agents_.is_busy(turn) || agents_.runs()[turn].lacking > 0) return;
    --left_;
    const size_t run = turn;
    turn += turns_.size();
    if (turn >= agents_.runs().size()) turn = agent;
    agents_.append(run);
  }

  Bench& bench_;
  RunAgents& agents_;
  RunReaders& readers_;
  std::vector<size_t> turns_;  // by agent: the run that is next
  size_t left_ = 0;
};

}  // namespace

void run_run_append(Bench& bench, const RunAppendOptions& options, Report& report) {
  if (options.runs < options.agents) throw std::runtime_error("--runs: at least as many as --agents");
  const auto dialect = make_run_dialect(bench.target, options.bytes);
  const auto tokens = make_sessions(bench.loop, bench.target, options.runs * options.readers);
  auto names = make_run_names(options.runs);
  // A run of one reader is that user's.
  for (size_t i = 0; options.readers == 1 && i < names.size(); ++i) names[i].user = session_user(tokens[i]);
  RunAgents agents(bench.loop, bench.target, *dialect, std::move(names),
                   {.agents = options.agents, .append_bytes = options.bytes, .readers = options.readers});
  agents.create();
  RunReaders readers(bench.loop, bench.target, *dialect, agents, tokens,
                     std::vector<RunReaders::Place>(tokens.size()));
  readers.open_all({});
  Dictation dictation(bench, agents, readers);
  dictation.run(options.warm_up);
  readers.reset_latencies();

  const CpuTime before = bench.cpu();
  const int64_t wall = now_ns();
  dictation.run(options.appends);
  const auto wall_ns = static_cast<double>(now_ns() - wall);
  const CpuTime after = bench.cpu();

  report.add("runs", static_cast<double>(options.runs));
  report.add("readers", static_cast<double>(tokens.size()));
  report.add("bytes", static_cast<double>(options.bytes));
  report.add("message_bytes", static_cast<double>(readers.message_bytes()));
  report.add_cpu("append", before, after, options.appends);
  report.add_cpu("delivery", before, after, options.appends * options.readers);
  report.add("appends_per_s", static_cast<double>(options.appends) / (wall_ns / 1e9));
  report.add("repeated", static_cast<double>(agents.repeated()));
  report.add("delivery", readers.latencies());
  readers.close_all();
}

}  // namespace gw::bench
