#include "post_office/http_api/ai_sdk_request.h"

#include <algorithm>

#include "base/digest.h"
#include "base/hex.h"
#include "core/run/run.h"

namespace gw::http_api {
namespace {

Error invalid(std::string detail) { return {Errc::invalid_argument, std::move(detail)}; }

// Null when it is not there, or null.
const json::Value* find(const json::Object& body, std::string_view name) {
  const json::Value* const value = body.find(name);
  return value && !value->is_null() ? value : nullptr;
}

// A message that was edited has its id and says something else; of one that a tool has finished its answer
// is part. So all of the message counts.
std::string sameness_of(const AiSdkMessage& message, std::string_view trigger, const json::Value* replaced,
                        const json::Value& last) {
  std::string text = "ai-sdk\n" + message.chat_id + "\n";
  text.append(trigger).append("\n");
  if (replaced) text.append(replaced->raw());
  return text.append("\n").append(to_hex(sha256(last.raw())));
}

}  // namespace

bool is_own_run_id(std::string_view id) {
  return id.size() == 36 && id.starts_with("run_") &&
         id.find_first_not_of("0123456789abcdef", 4) == std::string_view::npos;
}

Result<AiSdkMessage> read_ai_sdk_message(const json::Object& body) {
  const json::Value* const messages = find(body, "messages");
  if (!messages || !messages->is_array())
    return invalid("messages must be a list of UI messages, as AI SDK's chat transports send it");
  const json::Array list = json::elements(*messages);
  if (list.empty()) return invalid("messages must hold the message that is asked");
  const json::Value& last = list.back();
  if (!std::all_of(list.begin(), list.end(), [](const json::Value& one) { return one.is_object(); }))
    return invalid("messages: each must be an object");

  AiSdkMessage message;
  if (const json::Value* const id = find(body, "id")) {
    const auto text = json::as_string(*id);
    if (!text || !is_valid_thread_id(*text))
      return invalid("id (of the chat) must match [A-Za-z0-9._:@+=-]{1,128}");
    if (is_own_run_id(*text))
      return invalid("id (of the chat) must not be run_ and 32 hex digits: that names a run");
    message.chat_id = *text;
  }
  std::string trigger = "submit-message";
  if (const json::Value* const said = find(body, "trigger")) {
    const auto text = json::as_string(*said);
    if (!text || (*text != "submit-message" && *text != "regenerate-message"))
      return invalid("trigger must be submit-message or regenerate-message");
    trigger = *text;
  }
  const json::Value* const replaced = find(body, "messageId");
  if (replaced && !replaced->is_string()) return invalid("messageId must be a string");
  message.is_regeneration = trigger == "regenerate-message";
  const json::Object last_members = json::members(last);
  const json::Value* const id = find(last_members, "id");
  if (message.chat_id.empty() || !id || !id->is_string()) return message;
  message.sameness = sameness_of(message, trigger, replaced, last);
  return message;
}

}  // namespace gw::http_api
