// gateway-load: puts a bounded load on a WebSocket server on loopback and prints what it cost the server.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "load/net.h"
#include "load/scenarios.h"

namespace {

using namespace gw::bench;

struct Common {
  std::vector<std::string> urls;
  std::vector<pid_t> pids;
  std::string redis;
  std::vector<pid_t> redis_pids;
  Dialect dialect = Dialect::gateway;
  std::string label;
  std::string api_key;
  int cpu = -1;
  double time_limit_s = 120;
};

struct Options {
  Common common;
  IdleOptions idle;
  RouteOptions route;
  FanoutOptions fanout;
  StormOptions storm;
  RunAppendOptions run_append;
  RunPaceOptions run_pace;
  RunMemoryOptions run_memory;
  RunResumeOptions run_resume;
};

void add_common(CLI::App& app, Common& common) {
  const std::map<std::string, Dialect> dialects{{"gateway", Dialect::gateway},
                                                {"plain", Dialect::plain},
                                                {"nchan", Dialect::nchan},
                                                {"centrifugo", Dialect::centrifugo}};
  app.add_option("--url", common.urls, "The server, http://127.0.0.1:PORT; or several that share the clients")
      ->allow_extra_args(false)
      ->required();
  app.add_option("--pid", common.pids, "The server's process, or several, whose CPU time and memory are read")
      ->allow_extra_args(false)  // so --pid 1 --pid 2, and a scenario may follow
      ->required();
  app.add_option("--redis", common.redis,
                 "127.0.0.1:PORT of the Redis behind a gateway: phases are marked there");
  app.add_option("--redis-pid", common.redis_pids, "Its process, read like the server's")
      ->allow_extra_args(false);
  app.add_option("--server", common.dialect,
                 "How it is spoken to: gateway, plain (bench/peers), nchan or centrifugo")
      ->transform(CLI::CheckedTransformer(dialects));
  app.add_option("--label", common.label, "What the report calls the server");
  app.add_option("--api-key", common.api_key, "The gateway's key, of all scopes")->envname("GATEWAY_API_KEY");
  app.add_option("--cpu", common.cpu, "Keep the generator on this CPU");
  app.add_option("--time-limit", common.time_limit_s, "Seconds after which a run has failed")
      ->check(CLI::Range(1.0, 3600.0));
}

const CLI::Range kConnections(1, 60'000);
const CLI::Range kCount(1, 50'000'000);

CLI::App* add_idle(CLI::App& app, IdleOptions& options) {
  auto* idle = app.add_subcommand("idle", "Resident memory per open connection that says nothing");
  idle->add_option("--connections", options.connections, "")->check(kConnections);
  idle->add_option("--per-second", options.per_second, "Connections opened a second")
      ->check(CLI::Range(1, 100'000));
  idle->add_option("--settle", options.settle_s, "Seconds before each reading")
      ->check(CLI::Range(0.0, 600.0));
  idle->add_option("--hold", options.hold_s, "Seconds that they stay open after the last reading")
      ->check(CLI::Range(0.0, 600.0));
  idle->add_flag("--anonymous", options.anonymous, "They show no session");
  return idle;
}

CLI::App* add_route(CLI::App& app, RouteOptions& options) {
  auto* route =
      app.add_subcommand("route", "A client's message: ack and a live agent (gateway), or echo (plain)");
  route->add_option("--connections", options.connections, "")->check(CLI::Range(1, 10'000));
  route->add_option("--in-flight", options.in_flight, "Unanswered messages of each connection")
      ->check(CLI::Range(1, 1'000));
  route
      ->add_option("--per-second", options.per_second,
                   "Sent in all, evenly spread, answered or not; 0: the next one for every answer")
      ->check(CLI::Range(0, 1'000'000));
  route->add_option("--messages", options.messages, "Measured, over all connections")->check(kCount);
  route->add_option("--warm-up", options.warm_up, "Sent before, not measured")->check(kCount);
  route->add_option("--silent", options.silent, "Connections beside those that say nothing")
      ->check(CLI::Range(0, 60'000));
  route->add_flag("--agent-on-redis", options.agent_on_redis, "The agent has a Redis client alone, not SSE");
  return route;
}

CLI::App* add_fanout(CLI::App& app, FanoutOptions& options) {
  auto* fanout = app.add_subcommand("fanout", "Publications to every connection");
  fanout->add_option("--connections", options.connections, "")->check(kConnections);
  fanout->add_option("--burst", options.burst, "Publications that arrive together")
      ->check(CLI::Range(1, 256));
  fanout->add_option("--bursts", options.bursts, "Measured")->check(CLI::Range(1, 100'000));
  fanout->add_option("--warm-up", options.warm_up, "Bursts before, not measured")
      ->check(CLI::Range(1, 100'000));
  fanout->add_option("--bytes", options.bytes, "Of one publication")->check(CLI::Range(32, 32'768));
  return fanout;
}

CLI::App* add_storm(CLI::App& app, StormOptions& options) {
  auto* storm = app.add_subcommand("storm", "Many connect at once, then all leave");
  storm->add_option("--connections", options.connections, "")->check(kConnections);
  storm->add_option("--concurrency", options.concurrency, "Handshakes under way at once")
      ->check(CLI::Range(1, 4'000));
  storm->add_option("--warm-up", options.warm_up, "Connections before, not measured")->check(kConnections);
  storm->add_option(
      "--tokens", options.tokens_file,
      "A file with a token a line, one for each connection, those before among them; without it "
      "sessions are made");
  return storm;
}

const CLI::Range kRuns(1, 100'000);
const CLI::Range kAppendBytes(1, 65'536);

CLI::App* add_run_append(CLI::App& app, RunAppendOptions& options) {
  auto* append = app.add_subcommand("run-append", "An agent's append, until every reader of the run has it");
  append->add_option("--runs", options.runs, "")->check(kRuns);
  append->add_option("--agents", options.agents, "Connections that share the runs")
      ->check(CLI::Range(1, 4'000));
  append->add_option("--readers", options.readers, "Of each run")->check(kConnections);
  append->add_option("--bytes", options.bytes, "Of one append")->check(kAppendBytes);
  append->add_option("--appends", options.appends, "Measured, over all runs")->check(kCount);
  append->add_option("--warm-up", options.warm_up, "Before, not measured")->check(kCount);
  return append;
}

CLI::App* add_run_pace(CLI::App& app, RunPaceOptions& options) {
  auto* pace = app.add_subcommand("run-pace", "Runs that grow at a model's pace, each with agent and reader");
  pace->add_option("--runs", options.runs, "")->check(CLI::Range(1, 10'000));
  pace->add_option("--per-second", options.per_second, "Appends to each")->check(CLI::Range(0.1, 200.0));
  pace->add_option("--bytes", options.bytes, "Of one append")->check(kAppendBytes);
  pace->add_option("--seconds", options.seconds, "Measured")->check(CLI::Range(0.1, 600.0));
  pace->add_option("--warm-up", options.warm_up_s, "Seconds before, not measured")
      ->check(CLI::Range(0.1, 600.0));
  return pace;
}

CLI::App* add_run_memory(CLI::App& app, RunMemoryOptions& options) {
  auto* memory = app.add_subcommand("run-memory", "Memory of an open run that nobody reads");
  memory->add_option("--runs", options.runs, "")->check(kRuns);
  memory->add_option("--bytes", options.bytes, "Of each log")->check(CLI::Range(1, 1 << 20));
  memory->add_option("--append-bytes", options.append_bytes, "Of one append")->check(kAppendBytes);
  memory->add_option("--settle", options.settle_s, "Seconds before each reading")
      ->check(CLI::Range(0.0, 600.0));
  return memory;
}

CLI::App* add_run_resume(CLI::App& app, RunResumeOptions& options) {
  auto* resume = app.add_subcommand("run-resume", "Readers that come back at once, each to a run of its own");
  resume->add_option("--clients", options.clients, "")->check(kConnections);
  resume->add_option("--concurrency", options.concurrency, "Handshakes under way at once")
      ->check(CLI::Range(1, 4'000));
  resume->add_option("--bytes", options.bytes, "Of one append")->check(kAppendBytes);
  resume->add_option("--appends", options.appends, "That each has, and lacks as many")
      ->check(CLI::Range(1, 1'000));
  resume->add_flag("--were-elsewhere", options.were_elsewhere,
                   "The server had no readers of these runs before");
  return resume;
}

int run(const Common& common, const std::string& scenario, const std::function<void(Bench&, Report&)>& body) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  if (common.cpu >= 0) pin_to_cpu(common.cpu);
  Target target{.addresses = {}, .dialect = common.dialect, .api_key = common.api_key};
  for (const std::string& url : common.urls) target.addresses.push_back(loopback_address(url));
  const ServerProcess server(common.pids);
  const ServerProcess redis_process(common.redis_pids);
  std::optional<RedisClient> redis;
  if (!common.redis.empty()) redis.emplace(loopback_address(common.redis));
  Loop loop(common.time_limit_s);
  Bench bench{.loop = loop,
              .target = target,
              .server = server,
              .redis_process = redis_process,
              .redis = redis ? &*redis : nullptr};
  Report report(scenario, common.label.empty() ? common.urls.front() : common.label);
  body(bench, report);
  report.print();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Puts a bounded load on a WebSocket server on loopback and prints what it cost the server:\n"
      "one line to read, one line of JSON.");
  Options options;
  app.option_defaults()->always_capture_default();  // --help then shows them
  add_common(app, options.common);
  app.require_subcommand(1);
  app.fallthrough();
  const std::vector<std::pair<CLI::App*, std::function<void(Bench&, Report&)>>> scenarios{
      {add_idle(app, options.idle), [&](Bench& b, Report& r) { run_idle(b, options.idle, r); }},
      {add_route(app, options.route), [&](Bench& b, Report& r) { run_route(b, options.route, r); }},
      {add_fanout(app, options.fanout), [&](Bench& b, Report& r) { run_fanout(b, options.fanout, r); }},
      {add_storm(app, options.storm), [&](Bench& b, Report& r) { run_storm(b, options.storm, r); }},
      {add_run_append(app, options.run_append),
       [&](Bench& b, Report& r) { run_run_append(b, options.run_append, r); }},
      {add_run_pace(app, options.run_pace),
       [&](Bench& b, Report& r) { run_run_pace(b, options.run_pace, r); }},
      {add_run_memory(app, options.run_memory),
       [&](Bench& b, Report& r) { run_run_memory(b, options.run_memory, r); }},
      {add_run_resume(app, options.run_resume),
       [&](Bench& b, Report& r) { run_run_resume(b, options.run_resume, r); }}};
  CLI11_PARSE(app, argc, argv);
  try {
    for (const auto& [command, body] : scenarios) {
      if (command->parsed()) return run(options.common, command->get_name(), body);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gateway-load: %s\n", error.what());
  }
  return EXIT_FAILURE;
}
