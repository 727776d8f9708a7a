// What a client of AI SDK's WebSocket transport sends: whatever it is, agents get JSON, and an answer names
// the request as it was written.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "json/json.h"
#include "post_office/http_api/chat_frames.h"

using namespace gw;
using namespace gw::http_api;

namespace {

void check_answer(const std::string& frame, std::string_view request_id) {
  const auto object = json::parse_object(frame);
  ASSERT(object);
  const json::Value* const said = object->find("requestId");
  ASSERT(said && said->raw() == request_id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = read_chat_frame(text);
  if (!read) return 0;
  check_answer(chat_frame("end", read->request_id), read->request_id);
  check_answer(chat_chunk_frame(read->request_id, 1, "{}"), read->request_id);
  if (const auto* const fault = std::get_if<Error>(&read->what))
    check_answer(chat_error_frame(read->request_id, fault->detail), read->request_id);
  if (const auto* const send = std::get_if<ChatSendFrame>(&read->what)) {
    const auto payload = json::parse_object(send->payload);
    ASSERT(payload && payload->find("messages"));
    // As the same message over HTTP.
    const auto again = read_ai_sdk_message(*payload);
    ASSERT(again && again->sameness == send->message.sameness);
  }
  return 0;
}
