// What is measured, in a form from which both the Prometheus text and the OTLP export are made: one name, one
// meaning, so that the two cannot differ.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/stats.h"

namespace gw {

enum class MetricKind {
  counter,  // only grows
  amount,   // adds up over instances: connections, bytes held
  gauge,    // does not
  histogram,
};

struct MetricSample {
  std::vector<std::pair<std::string_view, std::string>> labels;  // names in static storage
  double value = 0;
};

struct MetricFamily {
  std::string_view name;  // as OpenTelemetry has it; static storage, as help is
  MetricKind kind = MetricKind::gauge;
  std::string_view help;
  std::vector<MetricSample> samples;
  LatencyHistogram histogram;  // with that kind, instead of samples
};

// websocket.messages.sent: websocket_messages_sent_total. Dots become underscores, a counter ends in _total.
std::string prometheus_name(const MetricFamily& family);
// In UCUM (ucum.org), from the end of the name: By, s, ms, or 1.
std::string_view unit_of(const MetricFamily& family);

// Builds them up in order.
class MetricFamilies {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Announces a family; its samples follow. Names are ours: [a-z_.]+.
  MetricFamilies& family(std::string_view name, MetricKind kind, std::string_view help);
  MetricFamilies& sample(double value, Labels labels = {});

  // A family of one sample.
  MetricFamilies& counter(std::string_view name, std::string_view help, double value);
  MetricFamilies& amount(std::string_view name, std::string_view help, double value);
  MetricFamilies& gauge(std::string_view name, std::string_view help, double value);
  MetricFamilies& histogram(std::string_view name, std::string_view help, const LatencyHistogram& value);

  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

}  // namespace gw
