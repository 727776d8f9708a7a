// The Prometheus text format, version 0.0.4.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gw {

class MetricsWriter {
 public:
  enum class Type { counter, gauge, histogram };
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  explicit MetricsWriter(std::string& out) : out_(out) {}

  // Announces a family; its samples follow. Names are ours: [a-z_:]+.
  MetricsWriter& family(std::string_view name, Type type, std::string_view help);
  // One sample of the family announced last; `suffix` is for a histogram's parts.
  MetricsWriter& sample(double value, const Labels& labels = {}, std::string_view suffix = {});

 private:
  std::string& out_;
  std::string_view name_;
};

}  // namespace gw
