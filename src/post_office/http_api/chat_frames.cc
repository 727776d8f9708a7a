#include "post_office/http_api/chat_frames.h"

#include <algorithm>

namespace gw::http_api {
namespace {

constexpr size_t kRequestIdBytesMax = 256;

const json::Value* find(const json::Object& frame, std::string_view name) {
  const json::Value* const value = frame.find(name);
  return value && !value->is_null() ? value : nullptr;
}

std::optional<json::Object> body_of(const json::Object& frame) {
  const json::Value* const body = find(frame, "body");
  if (!body || !body->is_object()) return std::nullopt;
  return json::members(*body);
}

std::string channel_of(const json::Object& frame) {
  const auto body = body_of(frame);
  const json::Value* const channel = body ? find(*body, "channel") : nullptr;
  return channel ? json::as_string(*channel).value_or("") : std::string();
}

// The members of the frame's `body`, and over them those that the transport has beside it. What it calls
// headers stays here: they may hold secrets.
std::string payload_of(const json::Object& frame) {
  constexpr std::string_view kOwn[] = {"id", "messages", "trigger", "messageId", "metadata"};
  const auto is_own = [&](const json::Member& member) {
    return std::any_of(std::begin(kOwn), std::end(kOwn),
                       [&](std::string_view name) { return member.key_is(name); });
  };
  std::string payload;
  json::Writer writer(payload);
  writer.begin_object();
  if (const auto body = body_of(frame)) {
    for (const json::Member& member : *body) {
      if (!is_own(member)) writer.key(member.key()).raw(member.value().raw());
    }
  }
  for (const std::string_view name : kOwn) {
    if (const json::Value* const value = find(frame, name)) writer.key(name).raw(value->raw());
  }
  writer.end_object();
  return payload;
}

std::variant<ChatSendFrame, ChatResumeFrame, ChatAbortFrame, Error> read_send(const json::Object& frame) {
  const Result<AiSdkMessage> message = read_ai_sdk_message(frame);
  if (!message) return message.error();
  return ChatSendFrame{*message, channel_of(frame), payload_of(frame)};
}

std::variant<ChatSendFrame, ChatResumeFrame, ChatAbortFrame, Error> read_resume(const json::Object& frame) {
  const json::Value* const id = find(frame, "id");
  const auto chat_id = id ? json::as_string(*id) : std::nullopt;
  if (!chat_id || chat_id->empty()) return Error{Errc::invalid_argument, "id (of the chat) is required"};
  ChatResumeFrame resume{*chat_id, channel_of(frame)};
  if (const json::Value* const last = find(frame, "lastSequence")) {
    const auto number = json::as_int64(*last);
    if (!number || *number < 0 || *number >= int64_t{1} << 40)
      return Error{Errc::invalid_argument, "lastSequence must be a sequence number"};
    resume.chunks_had = static_cast<uint64_t>(*number) + 1;
  }
  return resume;
}

std::string begin_frame(std::string_view type, std::string_view request_id) {
  std::string frame = R"({"type":")";
  frame.append(type).append(R"(","requestId":)").append(request_id);
  return frame;
}

}  // namespace

Result<ChatFrameRead> read_chat_frame(std::string_view text) {
  const auto frame = json::parse_object(text);
  if (!frame) return Error{Errc::invalid_argument, "a frame must be a JSON object"};
  const json::Value* const id = find(*frame, "requestId");
  if (!id || !id->is_string() || id->raw().size() > kRequestIdBytesMax)
    return Error{Errc::invalid_argument, "requestId must be a string of at most 256 bytes"};
  const json::Value* const type = find(*frame, "type");
  const std::string said = type ? json::as_string(*type).value_or("") : "";
  ChatFrameRead read{std::string(id->raw()),
                     Error{Errc::invalid_argument, "type must be send, resume or abort"}};
  if (said == "send") read.what = read_send(*frame);
  if (said == "resume") read.what = read_resume(*frame);
  if (said == "abort") read.what = ChatAbortFrame{};
  return read;
}

std::string chat_frame(std::string_view type, std::string_view request_id) {
  return begin_frame(type, request_id) + "}";
}

std::string chat_chunk_frame(std::string_view request_id, uint64_t sequence, std::string_view chunk) {
  std::string frame = begin_frame("chunk", request_id);
  frame.append(R"(,"sequence":)").append(std::to_string(sequence)).append(R"(,"chunk":)").append(chunk);
  frame += '}';
  return frame;
}

std::string chat_error_frame(std::string_view request_id, std::string_view text) {
  std::string frame = begin_frame("error", request_id);
  frame.append(R"(,"errorText":)");
  json::append_quoted(frame, text);
  frame += '}';
  return frame;
}

}  // namespace gw::http_api
