#include "ops/telemetry_settings.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

using Environment = std::map<std::string, std::string>;
using Pair = std::pair<std::string, std::string>;

TelemetrySettings read(const Environment& environment) {
  std::vector<std::string> problems;
  TelemetrySettings settings = read_telemetry_settings(environment, problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
  return settings;
}

std::vector<std::string> problems_of(const Environment& environment) {
  std::vector<std::string> problems;
  read_telemetry_settings(environment, problems);
  return problems;
}

bool keeps_all(const TraceOptions& options) {
  protocol::TraceId highest;
  highest.fill(0xff);
  return options.sampler.keeps(highest, std::nullopt);
}

TEST(TelemetrySettings, IsOffUntilSomethingNamesACollector) {
  EXPECT_FALSE(read({}).enabled());
  EXPECT_FALSE(read({}).tracing.enabled);
  EXPECT_FALSE(read({{"OTEL_EXPORTER_OTLP_ENDPOINT", ""}, {"OTEL_SERVICE_NAME", "x"}}).enabled());
  EXPECT_TRUE(read({{"OTEL_TRACES_EXPORTER", "otlp"}}).tracing.enabled);
  EXPECT_FALSE(read({{"OTEL_TRACES_EXPORTER", "otlp"}}).metrics.enabled);
  const TelemetrySettings both = read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"}});
  EXPECT_TRUE(both.traces.enabled && both.metrics.enabled && both.tracing.enabled);
}

TEST(TelemetrySettings, ASignalsOwnVariableWins) {
  const Environment environment{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"},
                                {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
                                {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"},
                                {"OTEL_EXPORTER_OTLP_TIMEOUT", "700"},
                                {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "300"},
                                {"OTEL_METRICS_EXPORTER", "none"}};
  const TelemetrySettings settings = read(environment);
  EXPECT_EQ(settings.traces.protocol, OtlpProtocol::http_json);
  EXPECT_EQ(settings.metrics.protocol, OtlpProtocol::grpc);
  EXPECT_EQ(settings.traces.timeout, 300ms);
  EXPECT_EQ(settings.metrics.timeout, 700ms);
  EXPECT_FALSE(settings.metrics.enabled);
}

TEST(TelemetrySettings, DisabledIsDisabled) {
  EXPECT_FALSE(read({{"OTEL_SDK_DISABLED", "true"}, {"OTEL_TRACES_EXPORTER", "otlp"}}).enabled());
}

TEST(TelemetrySettings, KnowsTheSamplersOfTheSpecification) {
  const auto tracing = [](std::string name, std::string argument = "") {
    return read({{"OTEL_TRACES_SAMPLER", std::move(name)}, {"OTEL_TRACES_SAMPLER_ARG", std::move(argument)}})
        .tracing;
  };
  EXPECT_TRUE(keeps_all(read({}).tracing));
  EXPECT_TRUE(keeps_all(tracing("always_on")));
  EXPECT_FALSE(keeps_all(tracing("always_off")));
  EXPECT_TRUE(keeps_all(tracing("traceidratio")));
  EXPECT_FALSE(keeps_all(tracing("traceidratio", "0.5")));
  EXPECT_TRUE(keeps_all(tracing("parentbased_traceidratio", "1")));
  EXPECT_FALSE(keeps_all(tracing("parentbased_always_off", "1")));
  protocol::TraceContext dropped = protocol::new_trace(false);
  EXPECT_FALSE(tracing("parentbased_always_on").sampler.keeps(dropped.trace_id, dropped));
  EXPECT_TRUE(tracing("always_on").sampler.keeps(dropped.trace_id, dropped));
}

TEST(TelemetrySettings, ReadsTheResource) {
  const TelemetrySettings settings =
      read({{"OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=smart%20city, service.name=a ,zone=b"},
            {"OTEL_SERVICE_NAME", "gateways"}});
  const std::vector<Pair> expected{
      {"deployment.environment.name", "smart city"}, {"zone", "b"}, {"service.name", "gateways"}};
  EXPECT_EQ(settings.resource, expected);
  EXPECT_EQ(read({}).resource, (std::vector<Pair>{{"service.name", "websocket-gateway"}}));
}

TEST(TelemetrySettings, KeepsTheMetricTimeoutBelowTheInterval) {
  const TelemetrySettings settings = read({{"OTEL_METRIC_EXPORT_INTERVAL", "200"}});
  EXPECT_EQ(settings.metric_timeout, 199ms);
  EXPECT_EQ(settings.metrics.timeout, 199ms);
}

TEST(TelemetrySettings, NamesTheVariableThatIsWrong) {
  const Pair wrong[] = {
      {"OTEL_SDK_DISABLED", "maybe"},
      {"OTEL_TRACES_EXPORTER", "zipkin"},
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"},
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:0"},
      {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://:4318"},
      {"OTEL_EXPORTER_OTLP_PROTOCOL", "thrift"},
      {"OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
      {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"},
      {"OTEL_TRACES_SAMPLER", "sometimes"},
      {"OTEL_PROPAGATORS", "b3"},
      {"OTEL_BSP_MAX_QUEUE_SIZE", "0"},
      {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"},
      {"OTEL_METRIC_EXPORT_INTERVAL", "-1"},
      {"OTEL_RESOURCE_ATTRIBUTES", "no equals sign"},
  };
  for (const auto& [name, value] : wrong) {
    const std::vector<std::string> problems = problems_of({{name, value}});
    ASSERT_EQ(problems.size(), 1u) << name << "=" << value;
    EXPECT_TRUE(problems[0].starts_with("variable " + name + ": ")) << problems[0];
  }
  for (const char* ratio : {"1.5", "-0.1", "nan", "half", "0.5 "}) {
    const auto problems =
        problems_of({{"OTEL_TRACES_SAMPLER", "traceidratio"}, {"OTEL_TRACES_SAMPLER_ARG", ratio}});
    EXPECT_EQ(problems.size(), 1u) << ratio;
  }
}

TEST(TelemetrySettings, ShowsNoSecretInAComplaint) {
  for (const Pair& wrong : {Pair("OTEL_EXPORTER_OTLP_HEADERS", "authorization hunter2"),
                            Pair("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=%zz,hunter2"),
                            Pair("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ada:hunter2@collector:4318")}) {
    const std::vector<std::string> problems = problems_of({wrong});
    ASSERT_EQ(problems.size(), 1u) << wrong.first;
    EXPECT_EQ(problems[0].find("hunter2"), std::string::npos) << problems[0];
  }
}

}  // namespace
}  // namespace gw
