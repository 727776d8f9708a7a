#include "post_office/http_api/chat_frames.h"

#include <gtest/gtest.h>

namespace gw::http_api {
namespace {

const char* const kSend =
    R"({"type":"send","requestId":"r\u0031","id":"c1","trigger":"submit-message","messages":[{"id":"m1"}],)"
    R"("headers":{"Authorization":"secret"},"body":{"model":"large","id":"other","channel":"guide"},"metadata":5})";

TEST(ChatFrames, ASendIsAsTheSameTransportWouldPostIt) {
  const auto read = read_chat_frame(kSend);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->request_id, R"("r\u0031")");
  const auto* const send = std::get_if<ChatSendFrame>(&read->what);
  ASSERT_NE(send, nullptr);
  EXPECT_EQ(send->channel, "guide");
  EXPECT_EQ(send->message.chat_id, "c1");
  EXPECT_EQ(send->payload, R"({"model":"large","channel":"guide","id":"c1","messages":[{"id":"m1"}],)"
                           R"("trigger":"submit-message","metadata":5})");
}

TEST(ChatFrames, AResumeSaysHowManyChunksItHas) {
  const auto from_start = read_chat_frame(R"({"type":"resume","requestId":"r","id":"c"})");
  EXPECT_EQ(std::get<ChatResumeFrame>(from_start->what).chunks_had, 0u);
  const auto behind = read_chat_frame(R"({"type":"resume","requestId":"r","id":"c","lastSequence":0})");
  EXPECT_EQ(std::get<ChatResumeFrame>(behind->what).chunks_had, 1u);
  const auto wrong = read_chat_frame(R"({"type":"resume","requestId":"r","id":"c","lastSequence":-1})");
  EXPECT_TRUE(std::holds_alternative<Error>(wrong->what));
}

TEST(ChatFrames, WithoutARequestNobodyCanBeAnswered) {
  for (const char* const text :
       {"", "[]", "{}", R"({"type":"send"})", R"({"requestId":5})", R"({"requestId":null})"}) {
    EXPECT_FALSE(read_chat_frame(text)) << text;
  }
  const std::string longest = R"({"requestId":")" + std::string(300, 'r') + R"("})";
  EXPECT_FALSE(read_chat_frame(longest));
}

TEST(ChatFrames, AnAnswerRepeatsTheRequestAsItWasWritten) {
  EXPECT_EQ(chat_frame("end", R"("r\u0031")"), R"({"type":"end","requestId":"r\u0031"})");
  EXPECT_EQ(chat_chunk_frame(R"("r")", 7, R"({"type":"start"})"),
            R"({"type":"chunk","requestId":"r","sequence":7,"chunk":{"type":"start"}})");
  EXPECT_EQ(chat_error_frame(R"("r")", "no \"quotes\""),
            R"({"type":"error","requestId":"r","errorText":"no \"quotes\""})");
}

std::string sameness_of(const std::string& body) {
  const auto object = json::parse_object(body);
  const auto message = read_ai_sdk_message(*object);
  return message ? message->sameness : "refused";
}

TEST(AiSdkRequest, OneMessageIsTheSameWhateverStandsBeforeIt) {
  const std::string first = sameness_of(R"({"id":"c","messages":[{"id":"m1","parts":[1]}]})");
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, sameness_of(R"({"messages":[{"id":"m0"},{"id":"m1","parts":[1]}],"id":"c","x":1})"));
  // Edited, of another chat, or wanted anew.
  EXPECT_NE(first, sameness_of(R"({"id":"c","messages":[{"id":"m1","parts":[2]}]})"));
  EXPECT_NE(first, sameness_of(R"({"id":"d","messages":[{"id":"m1","parts":[1]}]})"));
  EXPECT_NE(first,
            sameness_of(R"({"id":"c","trigger":"regenerate-message","messages":[{"id":"m1","parts":[1]}]})"));
}

TEST(AiSdkRequest, WithoutAChatOrANameNothingIsTheSame) {
  EXPECT_EQ(sameness_of(R"({"messages":[{"id":"m1"}]})"), "");
  EXPECT_EQ(sameness_of(R"({"id":"c","messages":[{"parts":[]}]})"), "");
  EXPECT_EQ(sameness_of(R"({"id":"c","messages":[]})"), "refused");
  EXPECT_EQ(sameness_of(R"({"id":"c d","messages":[{}]})"), "refused");
}

}  // namespace
}  // namespace gw::http_api
