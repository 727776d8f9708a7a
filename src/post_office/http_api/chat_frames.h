// The frames of AI SDK's WebSocketChatTransport. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "post_office/http_api/ai_sdk_request.h"

namespace gw::http_api {

// What the answer to a frame repeats: a JSON string, as it was written.
using ChatRequestId = std::string;

struct ChatSendFrame {
  AiSdkMessage message;
  std::string channel;  // that its body names; empty: none
  std::string payload;  // as the same transport over HTTP would post it
};
struct ChatResumeFrame {
  std::string chat_id;
  std::string channel;
  uint64_t chunks_had = 0;
};
struct ChatAbortFrame {};

struct ChatFrameRead {
  ChatRequestId request_id;
  std::variant<ChatSendFrame, ChatResumeFrame, ChatAbortFrame, Error> what;  // an error names what is wrong
};
// An error: there is no request that could be answered.
Result<ChatFrameRead> read_chat_frame(std::string_view text);

std::string chat_frame(std::string_view type, std::string_view request_id);
std::string chat_chunk_frame(std::string_view request_id, uint64_t sequence, std::string_view chunk);
std::string chat_error_frame(std::string_view request_id, std::string_view text);

}  // namespace gw::http_api
