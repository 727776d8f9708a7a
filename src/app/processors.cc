#include "app/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace gw {
namespace {

// Of one group: version 2 has "max 100000" or "200000 100000" in one file, version 1 two files.
std::optional<double> quota_of(const std::string& group, bool unified, const ReadFile& read) {
  std::string text;
  if (unified) {
    text = read(group + "/cpu.max").value_or("");
  } else {
    text = read(group + "/cpu.cfs_quota_us").value_or("") + " " +
           read(group + "/cpu.cfs_period_us").value_or("");
  }
  std::istringstream in(text);
  double quota = 0;
  double period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

bool is_listed(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    if (names.substr(0, comma) == name) return true;
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return false;
}

std::optional<std::string> read_small(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// hardware_concurrency() counts those of the machine in some versions of the C library.
size_t affine_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::thread::hardware_concurrency();
  return static_cast<size_t>(CPU_COUNT(&set));
}

}  // namespace

std::optional<size_t> processor_quota(const ReadFile& read) {
  std::optional<double> least;
  std::istringstream groups(read("/proc/self/cgroup").value_or(""));
  // "0::/path" is version 2, "4:cpu,cpuacct:/path" version 1.
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (!names.empty() && !is_listed(names, "cpu")) continue;
    const std::string root = names.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/" + names;
    // Each group is bound by those around it. In a container the outer ones are not to be seen.
    for (std::string path = line.substr(second + 1);; path.erase(path.rfind('/') + 1)) {
      while (path.ends_with('/')) path.pop_back();
      const std::optional<double> quota = quota_of(root + path, names.empty(), read);
      if (quota) least = std::min(*quota, least.value_or(*quota));
      if (path.empty()) break;
    }
  }
  if (!least) return std::nullopt;
  return std::max<size_t>(1, static_cast<size_t>(std::ceil(*least)));
}

size_t usable_processors() {
  const size_t affinity = affine_processors();
  return std::min(affinity, processor_quota(read_small).value_or(affinity));
}

}  // namespace gw
