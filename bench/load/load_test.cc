// The parts of the generator that could be wrong without a run noticing.
#include <gtest/gtest.h>

#include "load/agent_reader.h"
#include "load/feed.h"
#include "load/histogram.h"
#include "load/http_client.h"
#include "load/net.h"

namespace gw::bench {
namespace {

TEST(Histogram, QuantilesAreWithinTheBucketWidth) {
  Histogram histogram;
  for (int64_t us = 1; us <= 10'000; ++us) histogram.add(us * 1000);
  EXPECT_NEAR(histogram.quantile_us(0.5), 5'000, 5'000 * 0.016);
  EXPECT_NEAR(histogram.quantile_us(0.99), 9'900, 9'900 * 0.016);
  EXPECT_DOUBLE_EQ(histogram.quantile_us(1.0), 10'000);
  EXPECT_NEAR(histogram.quantile_us(0.0), 1, 0.016);
}

TEST(Histogram, TakesTheExtremes) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile_us(0.5), 0);
  histogram.add(-5);
  EXPECT_EQ(histogram.quantile_us(1.0), 0);
  histogram.add(INT64_MAX);
  EXPECT_NEAR(histogram.quantile_us(1.0), static_cast<double>(INT64_MAX) / 1000, 1e6);
}

TEST(ChunkedBody, IsTheSameWhereverTheBytesAreCut) {
  const std::string wire = "5\r\nhello\r\n1\r\n\n\r\nA;x=y\r\n0123456789\r\n";
  for (size_t step = 1; step <= wire.size(); ++step) {
    ChunkedBody chunks;
    std::string body;
    for (size_t at = 0; at < wire.size(); at += step)
      chunks.decode(std::string_view(wire).substr(at, step), body);
    EXPECT_EQ(body, "hello\n0123456789") << step;
  }
}

TEST(Stamp, IsFoundInsideAnEnvelope) {
  const Stamp sent{.client = 42, .sequence = 1234567, .sent_ns = 987654321012345678};
  std::string text = "data: {\"message\":{\"metadata\":{" + std::string(Stamp::kKey);
  sent.append(text);
  text += "\"}}}";
  Stamp found;
  ASSERT_TRUE(Stamp::find(text, found));
  EXPECT_EQ(found.client, sent.client);
  EXPECT_EQ(found.sequence, sent.sequence);
  EXPECT_EQ(found.sent_ns, sent.sent_ns);
  EXPECT_FALSE(Stamp::find(text.substr(0, text.size() - 6), found)) << "cut short";
  EXPECT_FALSE(Stamp::find("{\"bench\":\"none\"}", found));
}

TEST(Http, ReadsHeadersInAnyCase) {
  const std::string head = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH:  12\r\n\r\n";
  EXPECT_EQ(http_head_length(head + "body"), head.size());
  EXPECT_EQ(http_head_length("HTTP/1.1 200 OK\r\n"), 0U);
  EXPECT_EQ(http_header(head, "Content-Length"), "12");
  EXPECT_EQ(http_header(head, "Length"), "");
}

TEST(Net, RefusesEveryTargetButLoopback) {
  EXPECT_EQ(ntohs(loopback_address("http://127.0.0.1:8000/").sin_port), 8000);
  EXPECT_NO_THROW(loopback_address("http://127.1.2.3:1"));
  for (const char* url : {"http://10.0.0.1:80", "http://192.168.1.1:80", "http://8.8.8.8:80",
                          "http://localhost:80", "http://127.0.0.1", "", "http://0.0.0.0:80"}) {
    EXPECT_THROW(loopback_address(url), std::runtime_error) << url;
  }
}

}  // namespace
}  // namespace gw::bench
