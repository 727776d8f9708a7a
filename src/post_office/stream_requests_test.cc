#include "post_office/stream_requests.h"

#include <gtest/gtest.h>

#include <vector>

namespace gw {
namespace {

constexpr WallTime kNow{std::chrono::milliseconds(1'767'323'045'000)};  // 2026-01-02T03:04:05Z
using Head = std::vector<HttpField>;

std::string fault(const StreamRequest<NewStream>& read) { return read ? "" : read.error().detail; }
std::string fault(const StreamRequest<StreamAppend>& read) { return read ? "" : read.error().detail; }
auto put(const Head& head, std::string_view body = {}) { return read_stream_creation(head, body, kNow); }
auto post(Head head, std::string_view body = "x") {
  head.push_back({"Content-Type", "text/plain"});
  return read_stream_append(head, body);
}

TEST(StreamRequests, APutSaysTypeLifeAndFirstBytes) {
  const auto plain = put({});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->content_type, "application/octet-stream");
  EXPECT_EQ(plain->ttl, 0s);
  EXPECT_FALSE(plain->closed);
  const auto full =
      put({{"content-type", "Text/Plain; charset=utf-8"}, {"stream-ttl", "60"}, {"Stream-Closed", "TRUE"}},
          std::string_view("a\0b", 3));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->content_type, "Text/Plain; charset=utf-8");
  EXPECT_EQ(full->ttl, 60s);
  EXPECT_TRUE(full->closed);
  EXPECT_EQ(full->bytes, std::string_view("a\0b", 3));
  EXPECT_EQ(*put({{"Stream-Expires-At", "2026-01-02T04:04:05+00:00"}})->expires_at, kNow + 1h);
}

TEST(StreamRequests, AWrongLifeIsNamed) {
  for (const char* ttl : {"abc", "-1", "0", "00060", "+60", "60.5", "1e3", "604801", "4055333333333",
                          "99999999999999999999", "6 0"}) {
    EXPECT_EQ(fault(put({{"Stream-TTL", ttl}})), "Stream-TTL must be a whole number from 1 to 604800") << ttl;
  }
  EXPECT_EQ(fault(put({{"Stream-TTL", ""}})), "Stream-TTL must not be empty");
  EXPECT_EQ(fault(put({{"Stream-TTL", "1"}, {"Stream-Expires-At", "2026-01-02T04:04:05Z"}})),
            "Stream-TTL and Stream-Expires-At exclude each other");
  EXPECT_EQ(fault(put({{"Stream-Expires-At", "soon"}})),
            "Stream-Expires-At must be a time as RFC 3339 writes it");
  for (const char* time : {"2026-01-02T03:04:05Z", "2027-01-02T03:04:05Z"})
    EXPECT_EQ(fault(put({{"Stream-Expires-At", time}})),
              "Stream-Expires-At must be in the future, and no more than 7 days ahead");
}

TEST(StreamRequests, AContentTypeIsATypeInVisibleAscii) {
  for (const char* type : {"text", "/plain", "text/", "te xt/plain", "text/pl\xc3\xa4in", "text/plain\x01"})
    EXPECT_EQ(fault(put({{"Content-Type", type}})), "Content-Type must be type/subtype, in visible ASCII")
        << type;
  const std::string long_one = "text/" + std::string(200, 'a');
  EXPECT_EQ(fault(put({{"Content-Type", long_one}})), "Content-Type must not be longer than 128 bytes");
  EXPECT_EQ(fault(put({{"Content-Type", "a/b"}, {"content-type", "a/c"}})),
            "Content-Type must not stand twice");
}

TEST(StreamRequests, ForksAreNotServed) {
  const auto fork = put({{"Stream-Forked-From", "/v1/stream/a"}});
  ASSERT_FALSE(fork);
  EXPECT_EQ(fork.error().status, 501);
  EXPECT_EQ(fork.error().detail, "Stream-Forked-From: forks are not served");
}

TEST(StreamRequests, JsonIsStoredALineEach) {
  const Head json{{"Content-Type", "application/json; charset=utf-8"}};
  EXPECT_EQ(read_stream_append(json, "{\"a\":\n1}")->bytes, "{\"a\": 1}\n");
  EXPECT_EQ(read_stream_append(json, " [1, [2,\r\n3], \"x\"] ")->bytes, "1\n[2,  3]\n\"x\"\n");
  EXPECT_EQ(read_stream_append(json, "[[]]")->bytes, "[]\n");
  EXPECT_EQ(fault(read_stream_append(json, "[]")), "the body must not be an empty array");
  EXPECT_EQ(put(json, "[]")->bytes, "");
  EXPECT_TRUE(fault(read_stream_append(json, "{ no }")).starts_with("the body must be JSON: expected"));
}

TEST(StreamRequests, APostHasBytesOfAType) {
  EXPECT_EQ(post({})->media_type, "text/plain");
  EXPECT_EQ(fault(read_stream_append(Head{}, "x")), "Content-Type is required");
  EXPECT_EQ(fault(post({}, "")), "the body must not be empty, but to close the stream");
  const auto close = read_stream_append(Head{{"Stream-Closed", "true"}}, "");
  ASSERT_TRUE(close);
  EXPECT_TRUE(close->close);
  EXPECT_EQ(fault(post({{"Stream-Closed", "yes"}}, "")),
            "the body must not be empty, but to close the stream");
  const auto coded = post({{"Content-Encoding", "gzip"}});
  ASSERT_FALSE(coded);
  EXPECT_EQ(coded.error().status, 415);
}

TEST(StreamRequests, AProducerIsThreeHeaders) {
  const Head all{{"Producer-Id", "p:1"}, {"Producer-Epoch", "0"}, {"Producer-Seq", "9007199254740991"}};
  EXPECT_EQ(post(all)->batch, (StreamBatch{"p:1", 0, 9007199254740991}));
  EXPECT_FALSE(post({})->batch);
  const char* const together = "Producer-Id, Producer-Epoch and Producer-Seq belong together";
  EXPECT_EQ(fault(post({{"Producer-Id", "p"}})), together);
  EXPECT_EQ(fault(post({{"Producer-Epoch", "0"}, {"Producer-Seq", "0"}})), together);
  EXPECT_EQ(fault(post({{"Producer-Id", ""}, {"Producer-Epoch", "0"}, {"Producer-Seq", "0"}})),
            "Producer-Id must not be empty");
  EXPECT_EQ(fault(post({{"Producer-Id", "a b"}, {"Producer-Epoch", "0"}, {"Producer-Seq", "0"}})),
            "Producer-Id must be visible ASCII without blanks");
  for (const char* number : {"1abc", "0xyz", "1e3", "-1", "01", "9007199254740992"}) {
    EXPECT_EQ(fault(post({{"Producer-Id", "p"}, {"Producer-Epoch", number}, {"Producer-Seq", "0"}})),
              "Producer-Epoch must be a whole number from 0 to 9007199254740991")
        << number;
  }
  EXPECT_EQ(post({{"Stream-Seq", "app-001"}})->seq, "app-001");
  const std::string long_seq(257, 'a');
  EXPECT_EQ(fault(post({{"Stream-Seq", long_seq}})), "Stream-Seq must not be longer than 256 bytes");
}

}  // namespace
}  // namespace gw
