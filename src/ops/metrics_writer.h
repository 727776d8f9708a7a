// The Prometheus text format, version 0.0.4.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace gw {

class MetricsWriter {
 public:
  enum class Type { counter, gauge, histogram };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit MetricsWriter(std::string& out) : out_(out) {}

  // Announces a family; its samples follow. Names are ours: [a-z_:]+.
  MetricsWriter& family(std::string_view name, Type type, std::string_view help);
  // One sample of the family announced last; `suffix` is for a histogram's parts.
  MetricsWriter& sample(double value, Labels labels = {}, std::string_view suffix = {});

  // A family of one sample.
  MetricsWriter& counter(std::string_view name, std::string_view help, double value);
  MetricsWriter& gauge(std::string_view name, std::string_view help, double value);

 private:
  std::string& out_;
  std::string_view name_;
};

}  // namespace gw
