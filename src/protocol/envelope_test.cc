#include "protocol/envelope.h"

#include <gtest/gtest.h>

#include "json/json.h"

namespace gw::protocol {
namespace {

constexpr WallTime kNow{std::chrono::milliseconds(1767323045678)};

const EnvelopeWriter kWriter("ws-gateway-a", "websocket:gateway:ws-gateway-a");

TEST(Envelope, EveryFieldInItsPlace) {
  std::string out;
  kWriter.append(out,
                 {.message_id = "0190a7c8-0000-7000-8000-000000000001",
                  .connection_id = "ws_0123",
                  .channel = "pillar:content",
                  .message = R"({"payload":{ "n" : 1e400,"n":2}})",
                  .timestamp = kNow,
                  .session_ref = "abcd",
                  .user_id = "u@example.org",
                  .tenant_id = "t1",
                  .trace = parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")});
  EXPECT_EQ(
      out, R"({"message_id":"0190a7c8-0000-7000-8000-000000000001","connection_id":"ws_0123",)"
           R"("channel":"pillar:content","message":{"payload":{ "n" : 1e400,"n":2}},)"
           R"("timestamp":"2026-01-02T03:04:05.678Z","gateway_instance":"ws-gateway-a","session_ref":"abcd",)"
           R"("user_id":"u@example.org","tenant_id":"t1","reply_to":"websocket:gateway:ws-gateway-a",)"
           R"("traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})");
}

TEST(Envelope, WhatWasAskedOverHttpHasNoConnection) {
  std::string out;
  kWriter.append(out, {.message_id = "1",
                       .channel = "guide",
                       .message = "{}",
                       .timestamp = kNow,
                       .run = InboundRun{"run_1", "chat", "ai-sdk", "ai-sdk"}});
  EXPECT_NE(out.find(R"("connection_id":null,)"), std::string::npos) << out;
  EXPECT_TRUE(
      out.ends_with(R"("run":{"run_id":"run_1","thread_id":"chat","format":"ai-sdk","protocol":"ai-sdk"}})"));
}

TEST(Envelope, WhatIsNotKnownIsNull) {
  std::string out = "data: ";
  kWriter.append(
      out,
      {.message_id = "1", .connection_id = "ws_0", .channel = "guide", .message = "{}", .timestamp = kNow});
  EXPECT_EQ(
      out,
      R"(data: {"message_id":"1","connection_id":"ws_0","channel":"guide","message":{},)"
      R"("timestamp":"2026-01-02T03:04:05.678Z","gateway_instance":"ws-gateway-a","session_ref":null,)"
      R"("user_id":null,"tenant_id":null,"reply_to":"websocket:gateway:ws-gateway-a","traceparent":null})");
}

TEST(Envelope, NamesTheRunOfItsAnswer) {
  std::string out;
  kWriter.append(out, {.message_id = "1",
                       .connection_id = "ws_0",
                       .channel = "guide",
                       .message = "{}",
                       .timestamp = kNow,
                       .run = InboundRun{"run_1", "", "json", ""}});
  EXPECT_TRUE(out.ends_with(
      R"("traceparent":null,"run":{"run_id":"run_1","thread_id":null,"format":"json","protocol":null}})"))
      << out;
}

// Ids are checked long before, but an envelope must stay JSON even if a name slips through.
TEST(Envelope, NamesCannotBreakOut) {
  std::string out;
  EnvelopeWriter("a\"b", "r\\")
      .append(out, {.message_id = "1",
                    .connection_id = "c",
                    .channel = "g\n",
                    .message = "{}",
                    .user_id = R"(","x":")"});
  const auto object = json::parse_object(out);
  ASSERT_TRUE(object) << out;
  EXPECT_EQ(object->size(), 11u);
  EXPECT_EQ(json::as_string(*object->find("user_id")), R"(","x":")");
  EXPECT_EQ(json::as_string(*object->find("gateway_instance")), "a\"b");
}

TEST(Publication, EveryFieldInItsPlace) {
  std::string out;
  append_publication(
      out,
      {.message_id = "7", .channel = "guide", .source = "realm-a", .message = "[1, 2]", .timestamp = kNow});
  EXPECT_EQ(out, R"({"message_id":"7","channel":"guide","source":"realm-a","message":[1, 2],)"
                 R"("timestamp":"2026-01-02T03:04:05.678Z"})");
}

}  // namespace
}  // namespace gw::protocol
