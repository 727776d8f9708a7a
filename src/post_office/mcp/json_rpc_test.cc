#include "post_office/mcp/json_rpc.h"

#include <gtest/gtest.h>

#include "post_office/mcp/header_value.h"

namespace gw::mcp {
namespace {

Message message(std::string_view body) { return std::get<Message>(decode(body)); }
Malformed malformed(std::string_view body) { return std::get<Malformed>(decode(body)); }

TEST(JsonRpc, ARequestKeepsItsIdAsItWasWritten) {
  const Message request =
      message(R"({"jsonrpc":"2.0","id":"\u0061","method":"tools/list","params":{ "a" : 1e400 }})");
  EXPECT_EQ(request.id, R"("\u0061")");
  EXPECT_EQ(request.method, "tools/list");
  EXPECT_EQ(request.params, R"({ "a" : 1e400 })");
  EXPECT_EQ(message(R"({"jsonrpc":"2.0","id":-7,"method":"m"})").params, "{}");
  EXPECT_EQ(message(R"({"jsonrpc":"2.0","id":1,"method":"m","params":null})").params, "{}");
}

TEST(JsonRpc, WithoutAnIdItIsANotification) {
  EXPECT_TRUE(message(R"({"jsonrpc":"2.0","method":"notifications/initialized"})").is_notification());
}

TEST(JsonRpc, WhatIsNoJsonIsAParseError) {
  for (const char* body : {"", "{", "nope", "{\"a\":\"\xff\"}", R"({"a":"\ud800"})"}) {
    EXPECT_EQ(malformed(body).code, RpcCode::parse_error) << body;
  }
}

TEST(JsonRpc, WhatIsNoMessageIsAnInvalidRequest) {
  const std::string deep = R"({"jsonrpc":"2.0","method":"m","params":{"a":)" + std::string(600, '[') +
                           std::string(600, ']') + "}}";
  for (const std::string& body :
       {std::string("[]"), std::string("7"), std::string("{}"), deep, std::string(R"({"id":1,"method":"m"})"),
        std::string(R"({"jsonrpc":"1.0","id":1,"method":"m"})"), std::string(R"({"jsonrpc":"2.0","id":1})"),
        std::string(R"({"jsonrpc":"2.0","id":null,"method":"m"})"),
        std::string(R"({"jsonrpc":"2.0","id":1.5,"method":"m"})"),
        std::string(R"({"jsonrpc":"2.0","id":{},"method":"m"})"),
        std::string(R"({"jsonrpc":"2.0","id":1,"method":7})"),
        std::string(R"({"jsonrpc":"2.0","id":1,"method":"m","params":[]})"),
        R"({"jsonrpc":"2.0","id":")" + std::string(2000, 'x') + R"(","method":"m"})"}) {
    EXPECT_EQ(malformed(body).code, RpcCode::invalid_request) << body.substr(0, 80);
  }
}

TEST(JsonRpc, BatchesAndResponsesAreCalledByTheirName) {
  EXPECT_NE(malformed(R"( [{"jsonrpc":"2.0","id":1,"method":"m"}])").message.find("batches"),
            std::string::npos);
  EXPECT_NE(malformed(R"({"jsonrpc":"2.0","id":1,"result":{}})").message.find("respond"), std::string::npos);
}

TEST(JsonRpc, AnswersCarryTheIdAndErrorsTheirData) {
  EXPECT_EQ(result_body("7", "{}"), R"({"jsonrpc":"2.0","id":7,"result":{}})");
  EXPECT_EQ(error_body({}, RpcCode::parse_error, "no \"json\""),
            R"({"jsonrpc":"2.0","error":{"code":-32700,"message":"no \"json\""}})");
  EXPECT_EQ(error_body(R"("a")", RpcCode::header_mismatch, "m", "[1]"),
            R"({"jsonrpc":"2.0","id":"a","error":{"code":-32020,"message":"m","data":[1]}})");
}

// The examples of the specification, and what comes near them.
TEST(HeaderValue, StandsForItselfOrForWhatItEncodes) {
  EXPECT_EQ(decode_header_value("us-west1"), "us-west1");
  EXPECT_EQ(decode_header_value("=?base64?SGVsbG8sIOS4lueVjA==?="), "Hello, 世界");
  EXPECT_EQ(decode_header_value("=?base64?IHBhZGRlZCA=?="), " padded ");
  EXPECT_EQ(decode_header_value("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="), "=?base64?literal?=");
  EXPECT_EQ(decode_header_value("=?base64?"
                                "?="),
            "");
  EXPECT_EQ(decode_header_value("=?BASE64?QQ==?="), "=?BASE64?QQ==?=");
  EXPECT_EQ(decode_header_value("=?base64?="), "=?base64?=");
  for (const char* value : {"=?base64?QQ?=", "=?base64?QQ=?=", "=?base64?QR==?=", "=?base64?Q*==?=",
                            "=?base64?/w==?=", "=?base64?====?=", "\x7f", "caf\xc3\xa9"}) {
    EXPECT_EQ(decode_header_value(value), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace gw::mcp
