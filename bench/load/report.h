// What a run found: one line for people, then one line of JSON for bench/run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "load/histogram.h"
#include "load/process.h"

namespace gw::bench {

class Report {
 public:
  Report(std::string_view scenario, std::string_view server);

  // Names end in their unit, like `cpu_us_per_message`.
  void add(std::string_view name, double value);
  // cpu_us_per_<operation>, and redis_cpu_us_per_<operation> when there is a Redis that used any.
  void add_cpu(std::string_view operation, const CpuTime& before, const CpuTime& after, size_t count);
  // name_p50_us, name_p99_us, name_p999_us.
  void add(std::string_view name, const Histogram& latencies);
  void print() const;

 private:
  struct Figure {
    std::string name;
    double value;
  };

  std::string scenario_;
  std::string server_;
  std::vector<Figure> figures_;
};

}  // namespace gw::bench
