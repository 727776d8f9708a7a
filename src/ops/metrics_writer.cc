#include "ops/metrics_writer.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace gw {
namespace {

constexpr std::string_view type_name(MetricsWriter::Type type) {
  switch (type) {
    case MetricsWriter::Type::counter: return "counter";
    case MetricsWriter::Type::gauge: return "gauge";
    case MetricsWriter::Type::histogram: break;
  }
  return "histogram";
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out.push_back('\\');
    out.push_back(c);
  }
}

// Counts are whole numbers and stay so in the text; others keep what a double holds.
void append_value(std::string& out, double value) {
  constexpr double kWholeMax = 9007199254740992;  // 2^53
  if (std::trunc(value) == value && std::abs(value) < kWholeMax) {
    fmt::format_to(std::back_inserter(out), "{}", static_cast<int64_t>(value));
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

}  // namespace

MetricsWriter& MetricsWriter::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type_name(type));
  return *this;
}

MetricsWriter& MetricsWriter::sample(double value, const Labels& labels, std::string_view suffix) {
  out_.append(name_).append(suffix);
  char before = '{';
  for (const auto& [name, content] : labels) {
    out_.push_back(before);
    out_.append(name).append("=\"");
    append_escaped(out_, content);
    out_.push_back('"');
    before = ',';
  }
  if (!labels.empty()) out_.push_back('}');
  out_.push_back(' ');
  append_value(out_, value);
  out_.push_back('\n');
  return *this;
}

}  // namespace gw
