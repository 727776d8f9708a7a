#include "load/report.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace gw::bench {
namespace {

std::string number(double value) {
  std::array<char, 64> text{};
  const bool whole = std::floor(value) == value && std::fabs(value) < 1e15;
  std::snprintf(text.data(), text.size(), whole ? "%.0f" : "%.3f", value);
  return text.data();
}

}  // namespace

Report::Report(std::string_view scenario, std::string_view server) : scenario_(scenario), server_(server) {}

void Report::add(std::string_view name, double value) { figures_.push_back({std::string(name), value}); }

void Report::add(std::string_view name, const Histogram& latencies) {
  const std::string prefix(name);
  add(prefix + "_p50_us", latencies.quantile_us(0.5));
  add(prefix + "_p99_us", latencies.quantile_us(0.99));
  add(prefix + "_p999_us", latencies.quantile_us(0.999));
}

void Report::add_cpu(std::string_view operation, const CpuTime& before, const CpuTime& after, size_t count) {
  const auto each = [&](int64_t ns) { return static_cast<double>(ns) / 1e3 / static_cast<double>(count); };
  const std::string name = "cpu_us_per_" + std::string(operation);
  add(name, each(after.server - before.server));
  if (after.redis > 0) add("redis_" + name, each(after.redis - before.redis));
}

void Report::print() const {
  std::string line = scenario_ + " " + server_ + ":";
  std::string json = R"({"scenario":")" + scenario_ + R"(","server":")" + server_ + '"';
  for (const Figure& figure : figures_) {
    line += " " + figure.name + "=" + number(figure.value);
    json += ",\"" + figure.name + "\":" + number(figure.value);
  }
  std::printf("%s\n%s}\n", line.c_str(), json.c_str());
}

}  // namespace gw::bench
