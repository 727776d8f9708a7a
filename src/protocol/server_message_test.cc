#include "protocol/server_message.h"

#include <gtest/gtest.h>

#include "json/json.h"

namespace gw::protocol {
namespace {

// 2026-01-02T03:04:05.678Z
constexpr WallTime kNow{std::chrono::milliseconds(1767323045678)};

template <class... Arguments>
std::string made(void (*append)(std::string&, Arguments...), std::type_identity_t<Arguments>... arguments) {
  std::string out = "before ";
  append(out, arguments...);
  EXPECT_TRUE(out.starts_with("before "));
  out.erase(0, 7);
  EXPECT_TRUE(json::parse_object(out)) << out;
  return out;
}

TEST(ServerMessage, Welcome) {
  std::string out;
  append_welcome(out, {.connection_id = "ws_0123", .instance_id = "ws-gateway-a", .heartbeat_interval = 30},
                 kNow);
  EXPECT_EQ(
      out,
      R"({"type":"system","event":"welcome","message":"Connected to WebSocket Gateway. Ready to receive messages.",)"
      R"("connection_id":"ws_0123","instance_id":"ws-gateway-a","heartbeat_interval":30,)"
      R"("timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(ServerMessage, Draining) {
  EXPECT_EQ(
      made(append_draining, {.leave_in = 2s, .retry_after = 1500ms}, kNow),
      R"({"type":"system","event":"draining","message":"This instance is going away. Please reconnect.",)"
      R"("leave_in_ms":2000,"retry_after_ms":1500,"timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(
      made(append_draining, {.ticket = "AQ-_"}, kNow),
      R"({"type":"system","event":"draining","message":"This instance is going away. Please reconnect.",)"
      R"("leave_in_ms":0,"retry_after_ms":0,"ticket":"AQ-_","timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(ServerMessage, GapNamesItsChannel) {
  EXPECT_EQ(made(append_gap, "pillar:content", kNow),
            R"({"type":"system","event":"gap","message":"Messages on this channel may have been missed.",)"
            R"("channel":"pillar:content","timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(ServerMessage, AcksCarryTheIdAsItWasWritten) {
  EXPECT_EQ(made(append_ack, R"("\u0031")", AckStatus::published, kNow, {}),
            R"({"type":"ack","id":"\u0031","status":"published","timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(made(append_ack, "-0", AckStatus::queued, kNow, {}),
            R"({"type":"ack","id":-0,"status":"queued","timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(made(append_ack, "7", AckStatus::duplicate, kNow, {}),
            R"({"type":"ack","id":7,"status":"duplicate","timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(ServerMessage, ErrorsHaveAnIdWhenItIsKnown) {
  EXPECT_EQ(made(append_error, ErrorCode::invalid_json, kInvalidJsonMessage, "", kNow, {}),
            R"({"type":"error","code":"invalid_json","message":"Invalid message format",)"
            R"("timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(
      made(append_error, ErrorCode::overloaded, kOverloadedMessage, "\"m1\"", kNow, {}),
      R"({"type":"error","code":"overloaded","message":"Message rejected: system overloaded","id":"m1",)"
      R"("timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(made(append_error, ErrorCode::internal, kInternalMessage, "3", kNow, {}),
            R"({"type":"error","code":"internal","message":"Message processing failed","id":3,)"
            R"("timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(ServerMessage, SignsOfLife) {
  EXPECT_EQ(made(append_ping, kNow), R"({"type":"ping","timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(made(append_pong, kNow), R"({"type":"pong","timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(made(append_heartbeat_pong, kNow),
            R"({"type":"heartbeat","action":"pong","timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(ServerMessage, AnswersToControl) {
  EXPECT_EQ(
      made(append_subscribed, "pillar:content", kNow),
      R"({"type":"subscribe","channel":"pillar:content","status":"ok","timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(
      made(append_unsubscribed, "guide", kNow),
      R"({"type":"unsubscribe","channel":"guide","status":"ok","timestamp":"2026-01-02T03:04:05.678Z"})");
  EXPECT_EQ(
      made(append_authenticated, kNow + 1h, kNow),
      R"({"type":"authenticated","expires_at":"2026-01-02T04:04:05.678Z","timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(Codes, AreTheWordsOfTheProtocol) {
  EXPECT_EQ(to_string(ErrorCode::invalid_message), "invalid_message");
  EXPECT_EQ(to_string(ErrorCode::unknown_channel), "unknown_channel");
  EXPECT_EQ(to_string(ErrorCode::forbidden_channel), "forbidden_channel");
  EXPECT_EQ(to_string(ErrorCode::forbidden), "forbidden");
  EXPECT_EQ(to_string(ErrorCode::rate_limited), "rate_limited");
  EXPECT_EQ(parse_intent("chat"), Intent::chat);
  EXPECT_EQ(parse_intent("query"), Intent::query);
  EXPECT_EQ(parse_intent("command"), Intent::command);
  EXPECT_EQ(parse_intent("Chat"), std::nullopt);
}

}  // namespace
}  // namespace gw::protocol
