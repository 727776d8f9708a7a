// What AI SDK's chat transports send. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "json/json.h"

namespace gw::http_api {

struct AiSdkMessage {
  std::string chat_id;           // empty: it names none
  bool is_regeneration = false;  // another answer is wanted
  // What makes it the same as one before: of equal texts one is a repetition. Empty: none is.
  std::string sameness;
};

// What the gateway calls a run, "run_" and 32 hex digits, names no chat.
bool is_own_run_id(std::string_view id);

// The body of a POST, or a `send` frame: {"id","messages","trigger","messageId",…}.
Result<AiSdkMessage> read_ai_sdk_message(const json::Object& body);

}  // namespace gw::http_api
