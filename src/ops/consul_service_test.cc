#include "ops/consul_service.h"

#include <gtest/gtest.h>

namespace gw::consul {
namespace {

Service example() {
  return {"ws-gateway-1", "websocket-gateway", "10.0.0.7", 8000, {"a", "b=\"c\""}, {{"version", "1.0"}}};
}

std::string known(std::string_view service, std::string_view checks = R"([{"Status":"passing"}])") {
  return R"({"AggregatedStatus":"passing","Service":)" + std::string(service) + R"(,"Checks":)" +
         std::string(checks) + "}";
}

constexpr std::string_view kExample =
    R"({"ID":"ws-gateway-1","Service":"websocket-gateway","Tags":["a","b=\"c\""],"Meta":{"version":"1.0"},)"
    R"("Port":8000,"Address":"10.0.0.7","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false})";

TEST(ConsulService, IsRegisteredWithItsCheck) {
  EXPECT_EQ(registration_json(example(), {}, true),
            R"({"ID":"ws-gateway-1","Name":"websocket-gateway","Address":"10.0.0.7","Port":8000,)"
            R"("Tags":["a","b=\"c\""],"Meta":{"version":"1.0"},"Check":{"CheckID":"service:ws-gateway-1",)"
            R"("Name":"ready for WebSockets","HTTP":"http://10.0.0.7:8000/health/websocket-gateway",)"
            R"("Interval":"10s","Timeout":"5s","DeregisterCriticalServiceAfter":"60s","Status":"passing"}})");
  Service v6 = example();
  v6.address = "fd00::1";
  EXPECT_NE(registration_json(v6, {}, false).find("http://[fd00::1]:8000/"), std::string::npos);
  EXPECT_NE(registration_json(v6, {}, false).find(R"("Status":"critical")"), std::string::npos);
  CheckOptions over_tls;
  over_tls.tls = true;
  EXPECT_NE(registration_json(v6, over_tls, true)
                .find(R"("https://[fd00::1]:8000/health/websocket-gateway","TLSSkipVerify":true,)"),
            std::string::npos);
}

TEST(ConsulService, IsReadBackAsItWasTold) {
  const Result<Known> read = parse_known(known(kExample));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->service, example());
  EXPECT_TRUE(read->checked);
  EXPECT_FALSE(read->critical);
  EXPECT_FALSE(parse_known(known(kExample, "[]"))->checked);
  EXPECT_FALSE(parse_known(known(kExample, "null"))->checked);
  EXPECT_TRUE(parse_known(R"({"AggregatedStatus":"critical","Service":{"Port":1}})")->critical);
}

TEST(ConsulService, TakesNullForWhatIsEmpty) {
  const Result<Known> read =
      parse_known(known(R"({"ID":"a","Service":"b","Tags":null,"Meta":null,"Port":1})"));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->service.tags.empty());
  EXPECT_TRUE(read->service.meta.empty());
}

TEST(ConsulService, RefusesWhatIsNotConsuls) {
  for (const char* service : {"null", "[]", "1", "{}", R"({"Port":-1})", R"({"Port":65536})",
                              R"({"Port":"80"})", R"({"Port":1,"Tags":{}})", R"({"Port":1,"Tags":[1]})",
                              R"({"Port":1,"Meta":[]})", R"({"Port":1,"Meta":{"a":1}})"}) {
    const Result<Known> read = parse_known(known(service));
    ASSERT_FALSE(read) << service;
    EXPECT_EQ(read.error().code, Errc::protocol_error);
  }
  for (const char* body : {"", "null", "[]", "{", "<html>", R"({"Service":{"Port":1},"Checks":{}})"}) {
    EXPECT_FALSE(parse_known(body)) << body;
  }
}

std::string instance(std::string_view service, std::string_view node = R"({"Address":"10.0.0.1"})") {
  return R"([{"Node":)" + std::string(node) + R"(,"Service":)" + std::string(service) + R"(,"Checks":[]}])";
}

// The URL, or "none".
std::string url(std::string_view service, std::string_view node = R"({"Address":"10.0.0.1"})") {
  const auto read = parse_instances(instance(service, node));
  if (!read) return read.error().detail;
  return read->empty() ? "none" : read->front().url;
}

TEST(ConsulInstances, SayWhereClientsCanGo) {
  EXPECT_EQ(url(R"({"Port":80,"Address":"10.0.0.2"})"), "ws://10.0.0.2:80");
  EXPECT_EQ(url(R"({"Port":80,"Address":"host_1.example-net"})"), "ws://host_1.example-net:80");
  EXPECT_EQ(url(R"({"Port":80,"Address":"::1"})"), "ws://[::1]:80");
  EXPECT_EQ(url(R"({"Port":80,"Address":""})"), "ws://10.0.0.1:80");
  EXPECT_EQ(url(R"({"Port":80,"Address":"h","Meta":{"scheme":"wss"}})"), "wss://h:80");
  EXPECT_EQ(url(R"({"Port":80,"Address":"h","Meta":{"scheme":"javascript"}})"), "ws://h:80");
  EXPECT_EQ(url(R"({"Port":80,"Address":"h","Meta":{"public_url":"wss://a.example/x"}})"),
            "wss://a.example/x");
}

TEST(ConsulInstances, WithoutAnAddressAreLeftOut) {
  EXPECT_EQ(url(R"({"Port":0,"Address":"h"})"), "none");
  EXPECT_EQ(url(R"({"Port":80,"Address":"h/x?"})"), "none");
  EXPECT_EQ(url(R"({"Port":80,"Address":"a b"})"), "none");
  EXPECT_EQ(url(R"({"Port":80})", "{}"), "none");
  // What is no WebSocket address is not handed out, whoever wrote it there.
  EXPECT_EQ(url(R"({"Port":80,"Address":"h","Meta":{"public_url":"https://evil.example"}})"), "ws://h:80");
  EXPECT_EQ(url(R"({"Port":80,"Address":"h","Meta":{"public_url":"ws://a\"b"}})"), "ws://h:80");
}

TEST(ConsulInstances, RefuseWhatIsNotConsuls) {
  for (const char* body : {"", "{}", "null", "[1]", "[{}]", R"([{"Service":{}}])"}) {
    EXPECT_FALSE(parse_instances(body)) << body;
  }
  EXPECT_TRUE(parse_instances("[]")->empty());
}

TEST(ConsulInstances, AreBounded) {
  std::string body = "[";
  for (size_t i = 0; i < kInstancesMax + 5; ++i) {
    body += std::string(i == 0 ? "" : ",") + R"({"Service":{"ID":"x","Port":1,"Address":"h"}})";
  }
  EXPECT_EQ(parse_instances(body + "]")->size(), kInstancesMax);
}

}  // namespace
}  // namespace gw::consul
