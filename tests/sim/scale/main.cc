// scale [--connections N] [--instances N] [--masters N] [--partitions N] [--seed N] [--any] [--csv FILE]: a
// minute of nothing in particular, a deploy of every instance, and the loss of a zone. Prints what each of
// them took.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "sim/scale/model.h"

namespace gw::sim::scale {
namespace {

constexpr size_t kDeployBatches = 10;
constexpr double kZone = 1.0 / 3;

struct Options {
  Plan plan;
  const char* csv = nullptr;
};

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: scale [--connections N] [--instances N] [--masters N] [--partitions N] [--seed N] "
               "[--any] [--csv FILE]\n");
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--any") {
      options.plan.two_choices = false;
      --i;
      continue;
    }
    if (i + 1 == argc) usage();
    const size_t number = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--csv") {
      options.csv = argv[i + 1];
      continue;
    }
    if (number == 0) usage();
    if (name == "--connections") {
      options.plan.connections = number;
    } else if (name == "--instances") {
      options.plan.instances = number;
    } else if (name == "--masters") {
      options.plan.masters = number;
    } else if (name == "--partitions") {
      options.plan.partitions = number;
    } else if (name == "--seed") {
      options.plan.seed = number;
    } else {
      usage();
    }
  }
  return options;
}

void write_csv(const char* path, const std::vector<Second>& history) {
  FILE* const file = std::fopen(path, "w");
  if (!file) {
    std::perror(path);
    std::exit(1);
  }
  std::fprintf(
      file,
      "second,connected,tried,welcomed,refused,commands_mean,commands_max,work_mean,work_max,wait_max_ms,"
      "unwritten,left_over\n");
  for (const Second& one : history) {
    std::fprintf(file, "%.0f,%zu,%zu,%zu,%zu,%.0f,%.0f,%.4f,%.4f,%.1f,%zu,%zu\n", one.at_s, one.connected,
                 one.tried, one.welcomed, one.refused, one.commands_mean, one.commands_max, one.work_mean,
                 one.work_max, one.wait_max_ms, one.unwritten, one.left_over);
  }
  std::fclose(file);
}

// Of the seconds from `first` on.
void print_peaks(const char* what, const std::vector<Second>& history, size_t first) {
  Second peak;
  for (size_t i = first; i < history.size(); ++i) {
    const Second& one = history[i];
    peak.welcomed = std::max(peak.welcomed, one.welcomed);
    peak.refused = std::max(peak.refused, one.refused);
    peak.commands_mean = std::max(peak.commands_mean, one.commands_mean);
    peak.commands_max = std::max(peak.commands_max, one.commands_max);
    peak.work_mean = std::max(peak.work_mean, one.work_mean);
    peak.work_max = std::max(peak.work_max, one.work_max);
    peak.wait_max_ms = std::max(peak.wait_max_ms, one.wait_max_ms);
  }
  std::printf("| %s | %zu | %zu | %.0f | %.0f | %.2f | %.2f | %.0f |\n", what, peak.welcomed, peak.refused,
              peak.commands_mean, peak.commands_max, peak.work_mean, peak.work_max, peak.wait_max_ms);
}

// Seconds from `first` on until it holds.
template <class Holds>
size_t seconds_until(const std::vector<Second>& history, size_t first, const Holds& holds) {
  size_t last = first;
  for (size_t i = first; i < history.size(); ++i) {
    if (!holds(history[i])) last = i + 1;
  }
  return last - first;
}

int run(const Options& options) {
  Model model(options.plan);
  const std::vector<Second>& history = model.history();
  std::printf(
      "| | welcomed a second | refused | commands a second and master, mean | most | its core, mean | most | "
      "longest "
      "wait, ms |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  model.run(60);
  print_peaks("nothing in particular", history, 5);
  const size_t deploy = history.size();
  const size_t each = (options.plan.instances + kDeployBatches - 1) / kDeployBatches;
  for (size_t first = 0; first < options.plan.instances; first += each) {
    model.deploy(first, std::min(each, options.plan.instances - first));
    model.run(30);
  }
  print_peaks("a deploy of all, a tenth at a time", history, deploy);
  const double moves = static_cast<double>(model.moves()) / static_cast<double>(options.plan.connections);
  model.run(60);
  const size_t loss = history.size();
  const size_t before = model.connected();
  model.lose_zone(kZone);
  model.run(60);
  print_peaks("a third of all machines is gone", history, loss);
  const auto back = [before](double part) {
    return [before, part](const Second& one) {
      return static_cast<double>(one.connected) >= part * static_cast<double>(before);
    };
  };
  const auto whole = [](const Second& one) { return one.unwritten == 0; };
  const auto removed = [](const Second& one) { return one.left_over == 0; };
  std::printf("\n| after the loss | seconds |\n| --- | --- |\n");
  for (const auto& [name, part] : {std::pair("90 %", 0.9), {"99 %", 0.99}, {"99.9 %", 0.999}})
    std::printf("| %s of the clients are back | %zu |\n", name, seconds_until(history, loss, back(part)));
  std::printf("| the masters that took over have every record | %zu |\n",
              seconds_until(history, loss, whole));
  std::printf("| nothing of the dead is left | %zu |\n", seconds_until(history, loss, removed));
  std::printf("\nThe deploy moved each client %.1f times. A master holds %.2f GiB.\n", moves,
              model.memory_bytes() / (1024.0 * 1024 * 1024));
  if (options.csv) write_csv(options.csv, history);
  return 0;
}

}  // namespace
}  // namespace gw::sim::scale

int main(int argc, char** argv) { return gw::sim::scale::run(gw::sim::scale::parse(argc, argv)); }
