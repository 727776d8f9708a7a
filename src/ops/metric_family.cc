#include "ops/metric_family.h"

#include <algorithm>

namespace gw {

std::string prometheus_name(const MetricFamily& family) {
  std::string name(family.name);
  std::replace(name.begin(), name.end(), '.', '_');
  if (family.kind == MetricKind::counter && !name.ends_with("_total")) name += "_total";
  return name;
}

std::string_view unit_of(const MetricFamily& family) {
  if (family.name.ends_with("_ms")) return "ms";
  if (family.name.ends_with("seconds")) return "s";
  const bool bytes = family.name.ends_with("bytes") || family.name.find(".bytes.") != std::string_view::npos;
  return bytes ? "By" : "1";
}

MetricFamilies& MetricFamilies::family(std::string_view name, MetricKind kind, std::string_view help) {
  families_.push_back({name, kind, help, {}, {}});
  return *this;
}

MetricFamilies& MetricFamilies::sample(double value, Labels labels) {
  MetricSample& sample = families_.back().samples.emplace_back();
  sample.value = value;
  for (const auto& [name, content] : labels) sample.labels.emplace_back(name, content);
  return *this;
}

MetricFamilies& MetricFamilies::counter(std::string_view name, std::string_view help, double value) {
  return family(name, MetricKind::counter, help).sample(value);
}

MetricFamilies& MetricFamilies::amount(std::string_view name, std::string_view help, double value) {
  return family(name, MetricKind::amount, help).sample(value);
}

MetricFamilies& MetricFamilies::gauge(std::string_view name, std::string_view help, double value) {
  return family(name, MetricKind::gauge, help).sample(value);
}

MetricFamilies& MetricFamilies::histogram(std::string_view name, std::string_view help,
                                          const LatencyHistogram& value) {
  family(name, MetricKind::histogram, help);
  families_.back().histogram = value;
  return *this;
}

}  // namespace gw
