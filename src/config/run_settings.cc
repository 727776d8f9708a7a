#include "config/run_settings.h"

#include "config/kinds.h"

namespace gw {
namespace {

using Group = SettingGroup;

constexpr size_t KiB = 1024;
constexpr size_t MiB = 1024 * KiB;
constexpr size_t GiB = 1024 * MiB;

}  // namespace

// Answers of agents that outlive connections.
void add_runs(std::vector<Setting>& out) {
  const Group group = Group::runs;
  out.push_back({"run-bytes", group, "Largest log of one run; more is refused", "",
                 kinds::size({&Config::runs, &RunLimits::run_bytes}, 1 * KiB, 64 * MiB)});
  out.push_back({"run-store-bytes", group,
                 "Logs of all runs that the memory engine keeps; of runs that are over the oldest go first",
                 "", kinds::size({&Config::runs, &RunLimits::store_bytes}, 1 * MiB, 1024 * GiB)});
  out.push_back({"run-cache-bytes", group, "Copies of logs that an instance holds of runs in Redis", "",
                 kinds::size({&Config::runs, &RunLimits::cache_bytes}, 1 * MiB, 1024 * GiB)});
  out.push_back({"run-retention", group, "How long a run that is over can still be read", "",
                 kinds::duration({&Config::runs, &RunLimits::retention}, 1s, RunLimits::kRetentionMax)});
  out.push_back({"run-start-timeout", group, "How long a run waits for an agent before it is abandoned", "",
                 kinds::duration({&Config::runs, &RunLimits::start_timeout}, 100ms, 1h)});
  out.push_back({"run-cancel-grace", group,
                 "How long an agent that is asked to stop may take before its run is cancelled", "",
                 kinds::duration({&Config::runs, &RunLimits::cancel_grace}, 0s, 5min)});
  out.push_back({"run-lag-bytes", group,
                 "Unsent bytes of a connection from which on its runs wait and come in larger pieces", "",
                 kinds::size({&Config::connection, &ConnectionOptions::run_lag_bytes}, 1 * KiB, 1 * GiB)});
  out.push_back({"max-open-runs", group, "Runs that are not over: of the instance, or of all on its Redis",
                 "", kinds::count({&Config::runs, &RunLimits::open_runs}, size_t{1}, size_t{10'000'000})});
  out.push_back(
      {"max-open-runs-per-user", group, "The same of a user of a tenant; 8 times of a sessionless address",
       "", kinds::count({&Config::runs, &RunLimits::open_runs_per_user}, size_t{1}, size_t{1'000'000})});
  out.push_back(
      {"max-open-runs-per-realm", group, "The same of a realm, and of all sessionless connections", "",
       kinds::count({&Config::runs, &RunLimits::open_runs_per_realm}, size_t{1}, size_t{10'000'000})});
  out.push_back({"streams", group, "Let keys with the scope runs make plain streams at /v1/stream", "",
                 kinds::on_off(&Config::streams)});
  out.push_back({"stream-poll-wait", group, "How long a long poll at /v1/stream waits for more", "",
                 kinds::duration({&Config::stream_poll_wait}, 100ms, 60s)});
}

}  // namespace gw
