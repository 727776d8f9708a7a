#include "ops/telemetry_settings.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

using Environment = std::map<std::string, std::string>;
using Pair = std::pair<std::string, std::string>;

TelemetrySettings read(const Environment& environment) {
  std::vector<std::string> warnings;
  TelemetrySettings settings = read_telemetry_settings(environment, warnings);
  EXPECT_TRUE(warnings.empty()) << warnings.front();
  return settings;
}

std::vector<std::string> warnings_of(const Environment& environment) {
  std::vector<std::string> warnings;
  read_telemetry_settings(environment, warnings);
  return warnings;
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

TEST(TelemetrySettings, OnlyTrueIsTrue) {
  for (const char* value : {"TRUE", "True"}) {
    EXPECT_FALSE(read({{"OTEL_SDK_DISABLED", value}, {"OTEL_TRACES_EXPORTER", "otlp"}}).enabled());
  }
  for (const char* value : {"false", "1", "maybe"}) {
    EXPECT_TRUE(read({{"OTEL_SDK_DISABLED", value}, {"OTEL_TRACES_EXPORTER", "otlp"}}).enabled());
  }
}

TEST(TelemetrySettings, TakesListsAndAnyCase) {
  EXPECT_TRUE(read({{"OTEL_PROPAGATORS", "baggage,tracecontext"}}).tracing.propagate);
  EXPECT_TRUE(read({{"OTEL_PROPAGATORS", " TraceContext , baggage"}}).tracing.propagate);
  EXPECT_FALSE(read({{"OTEL_PROPAGATORS", "baggage"}}).tracing.propagate);
  EXPECT_FALSE(read({{"OTEL_PROPAGATORS", "None"}}).tracing.propagate);
  EXPECT_TRUE(read({{"OTEL_TRACES_EXPORTER", "OTLP"}}).traces.enabled);
  EXPECT_FALSE(keeps_all(read({{"OTEL_TRACES_SAMPLER", "Always_Off"}}).tracing));
  EXPECT_EQ(read({{"OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC"}}).traces.protocol, OtlpProtocol::grpc);
}

TEST(TelemetrySettings, UsesWhatItKnowsOfAListAndTheDefaultWhereItKnowsNothing) {
  std::vector<std::string> warnings;
  const auto settings = [&](const Environment& environment) {
    return read_telemetry_settings(environment, warnings);
  };
  EXPECT_TRUE(settings({{"OTEL_TRACES_EXPORTER", "console,otlp"}}).traces.enabled);
  EXPECT_FALSE(settings({{"OTEL_TRACES_EXPORTER", "console"}}).traces.enabled);
  const std::string collector = "http://collector:4318";
  EXPECT_TRUE(settings({{"OTEL_TRACES_EXPORTER", "zipkin"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", collector}})
                  .traces.enabled);
  EXPECT_TRUE(settings({{"OTEL_PROPAGATORS", "b3"}}).tracing.propagate);
  EXPECT_EQ(settings({{"OTEL_BSP_SCHEDULE_DELAY", "0"}}).batch_delay, 5s);
  EXPECT_EQ(settings({{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"}}).batch_size, 2048u);
  EXPECT_EQ(settings({{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"}, {"OTEL_METRICS_EXPORTER", "otlp"}})
                .metrics.endpoint,
            "http://localhost:4318/v1/metrics");
  EXPECT_EQ(warnings.size(), 7u);
}

TEST(TelemetrySettings, AppendsThePathOfASignalOnce) {
  const auto endpoints = [](const Environment& environment) {
    const TelemetrySettings settings = read(environment);
    return std::pair(settings.traces.endpoint, settings.metrics.endpoint);
  };
  const auto both =
      std::pair<std::string, std::string>("http://c/otlp/v1/traces", "http://c/otlp/v1/metrics");
  EXPECT_EQ(endpoints({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/otlp/"}}), both);
  EXPECT_EQ(endpoints({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/otlp"}}), both);
  EXPECT_EQ(read({{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/own/"}}).traces.endpoint, "http://c/own/");
  EXPECT_EQ(read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}})
                .traces.endpoint,
            "http://c:4317");
  EXPECT_EQ(read({{"OTEL_TRACES_EXPORTER", "otlp"}}).traces.endpoint, "http://localhost:4318/v1/traces");
}

TEST(TelemetrySettings, CompressesWhereTheSdkCan) {
  const Environment grpc{{"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}};
  EXPECT_TRUE(read(grpc).traces.gzip);
  EXPECT_EQ(warnings_of({{"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}}).size(), 1u);
}

TEST(TelemetrySettings, NamesTheVariableThatIsWrong) {
  const Pair wrong[] = {
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
    const std::vector<std::string> warnings = warnings_of({{name, value}});
    ASSERT_EQ(warnings.size(), 1u) << name << "=" << value;
    EXPECT_TRUE(warnings[0].starts_with("variable " + name + ": ")) << warnings[0];
  }
  for (const char* ratio : {"1.5", "-0.1", "nan", "half", "0.5 "}) {
    const auto warnings =
        warnings_of({{"OTEL_TRACES_SAMPLER", "traceidratio"}, {"OTEL_TRACES_SAMPLER_ARG", ratio}});
    EXPECT_EQ(warnings.size(), 1u) << ratio;
  }
}

TEST(TelemetrySettings, ShowsNoSecretInAComplaint) {
  for (const Pair& wrong : {Pair("OTEL_EXPORTER_OTLP_HEADERS", "authorization hunter2"),
                            Pair("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=%zz,hunter2"),
                            Pair("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ada:hunter2@collector:4318")}) {
    const std::vector<std::string> warnings = warnings_of({wrong});
    ASSERT_EQ(warnings.size(), 1u) << wrong.first;
    EXPECT_EQ(warnings[0].find("hunter2"), std::string::npos) << warnings[0];
  }
}

}  // namespace
}  // namespace gw
