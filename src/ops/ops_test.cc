#include <gtest/gtest.h>

#include "json/json.h"
#include "ops/health.h"
#include "ops/metrics.h"
#include "ops/metrics_writer.h"
#include "ops/process_stats.h"

namespace gw {
namespace {

TEST(MetricsWriter, WritesFamiliesAndEscapesLabels) {
  std::string out;
  MetricsWriter writer(out);
  writer.family("a_b", MetricsWriter::Type::gauge, "What it is.").sample(2.5);
  writer.family("c_total", MetricsWriter::Type::counter, "Counts.")
      .sample(1, {{"x", "a\"b\\c\nd"}, {"y", ""}})
      .sample(9007199254740991);
  EXPECT_EQ(out,
            "# HELP a_b What it is.\n# TYPE a_b gauge\na_b 2.5\n"
            "# HELP c_total Counts.\n# TYPE c_total counter\n"
            "c_total{x=\"a\\\"b\\\\c\\nd\",y=\"\"} 1\nc_total 9007199254740991\n");
}

TEST(Metrics, SaysWhatTheSnapshotHolds) {
  MetricsSnapshot snapshot;
  snapshot.gateway.shards.connections_active = 7;
  snapshot.gateway.shards.closes_by_code = {{1000, 3}, {4001, 2}};
  snapshot.gateway.message_latency.record(300us);
  snapshot.gateway.message_latency.record(7s);
  snapshot.channels = {{"pillar:content", {}}};
  snapshot.channels[0].stats.queue_size = 5;
  const std::string text = metrics_text(metric_families(snapshot));
  for (const char* line :
       {"websocket_connections_active 7\n", "websocket_closes_total{code=\"4001\"} 2\n",
        "websocket_message_latency_ms_bucket{le=\"0.25\"} 0\n",
        "websocket_message_latency_ms_bucket{le=\"0.5\"} 1\n",
        "websocket_message_latency_ms_bucket{le=\"5000\"} 1\n",
        "websocket_message_latency_ms_bucket{le=\"+Inf\"} 2\n", "websocket_message_latency_ms_sum 7000.3\n",
        "websocket_message_latency_ms_count 2\n", "gateway_queue_size{channel=\"pillar:content\"} 5\n",
        "# TYPE websocket_connections_total counter\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(Health, HasTheFieldsOfTheContractAndNoUser) {
  Health health;
  health.ready = true;
  health.instance_id = "gw-1";
  health.connections.global = 2;
  health.connections.per_user = {{"ada", 2}};
  health.connections.by_channel = {{"guide", 2}};
  health.connections.by_gateway = {{"gw-1", 2}};
  health.uptime = 1500ms;
  EXPECT_EQ(health_json(health),
            R"({"status":"ready","instance_id":"gw-1","connections":{"global":2,"by_channel":{"guide":2},)"
            R"("by_gateway":{"gw-1":2}},"uptime_seconds":1.5})");
  const std::string detailed = detailed_health_json(health, {{"engine", "memory", true}}, {});
  EXPECT_TRUE(json::parse_object(detailed));
  EXPECT_NE(detailed.find(R"("dependencies":{"engine":{"kind":"memory","status":"up"}})"), std::string::npos);
  EXPECT_EQ(detailed.find("ada"), std::string::npos);
}

TEST(ProcessStats, AreThoseOfARunningProcess) {
  const ProcessStats stats = read_process_stats();
  EXPECT_GT(stats.resident_bytes, 1u << 20);
  EXPECT_GT(stats.cpu_seconds, 0);
  EXPECT_GE(stats.descriptors_max, 3u);
}

}  // namespace
}  // namespace gw
