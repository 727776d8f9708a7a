#include "protocol/ai_sdk_framing.h"

#include <algorithm>

#include "protocol/item_shapes.h"

namespace gw::protocol {
namespace {

using How = FramedEnd::How;

bool contains(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::string quoted(std::string_view id) { return "\"" + std::string(id) + "\""; }

}  // namespace

void AiSdkFraming::append_head(std::string& out, const FramedHead& head) {
  FramedLine(out, "start").text("messageId", head.run_id);
}

// --- What stands in the log -------------------------------------------------------------------------------

std::string AiSdkFraming::apply(const FramedItem& item) {
  const std::string_view type = item.type;
  if (type == "start") {
    message_id_ = text_of(item.members, "messageId");
  } else if (type == "start-step" || type == "finish-step") {
    in_step_ = type == "start-step";
  } else if (type == "reset-step") {
    said_ = FramedSaid::nothing;
    has_error_ = false;
    texts_.clear();
    reasonings_.clear();
    tool_inputs_.clear();
  } else if (type == "finish") {
    is_over_ = true;
  } else if (type.starts_with("text-")) {
    return apply_part(texts_, type.substr(5), item);
  } else {
    said_ = FramedSaid::items;
    if (type.starts_with("reasoning-") && type != "reasoning-file")
      return apply_part(reasonings_, type.substr(10), item);
    if (type.starts_with("tool-input-")) return apply_tool_input(type.substr(11), item);
    has_error_ = has_error_ || type == "error";
    is_aborted_ = is_aborted_ || type == "abort";
  }
  return {};
}

std::string AiSdkFraming::apply_part(std::vector<std::string>& parts, std::string_view what,
                                     const FramedItem& item) {
  const std::string id = text_of(item.members, "id");
  said_ = is_own(id) ? FramedSaid::text : FramedSaid::items;
  if (what == "start") {
    if (contains(parts, id)) return "the part " + quoted(id) + " is open already";
    if (is_own(id)) ++own_parts_;
    parts.push_back(id);
    return {};
  }
  if (!contains(parts, id)) return "there is no open part " + quoted(id);
  if (what == "end") std::erase(parts, id);
  return {};
}

// One whose input is whole waits for its output, which may come with another message.
std::string AiSdkFraming::apply_tool_input(std::string_view what, const FramedItem& item) {
  const std::string id = text_of(item.members, "toolCallId");
  const auto open = std::find_if(tool_inputs_.begin(), tool_inputs_.end(),
                                 [&](const ToolInput& input) { return input.id == id; });
  const bool is_open = open != tool_inputs_.end();
  if (what == "start") {
    if (is_open) return "the input of tool call " + quoted(id) + " is open already";
    tool_inputs_.push_back({id, text_of(item.members, "toolName")});
  } else if (what == "delta") {
    if (!is_open) return "there is no open input of tool call " + quoted(id);
  } else if (is_open) {
    tool_inputs_.erase(open);
  }
  return {};
}

// --- What an agent says -----------------------------------------------------------------------------------

std::string AiSdkFraming::take(const FramedItem& item, const FramedEnd* end, std::string& out) {
  if (std::string why = misfit_of_chunk(item.type, item.members); !why.empty()) return why;
  if (is_over_ || (is_aborted_ && item.type != "finish")) return "nothing may follow the end";
  if (item.type == "start") {
    pass_metadata(item, out);
    return {};
  }
  if (item.type == "finish") {
    if (!end || end->how != How::completed) {
      pass_metadata(item, out);
      return {};
    }
    close_parts(out);
    close_step(out);
  } else if (item.type == "abort") {
    if (!end || end->how != How::cancelled) return {};
    close_parts(out);
    close_step(out);
  } else if (item.type.starts_with("text-") && is_own(text_of(item.members, "id"))) {
    return "ids that begin with the run's id and " + std::string(kOwnPart) + " are the gateway's own";
  }
  std::string why = apply(item);
  if (why.empty()) out.append(item.line);
  return why;
}

// The gateway has begun the message already, and ends it itself.
void AiSdkFraming::pass_metadata(const FramedItem& item, std::string& out) {
  const json::Value* const metadata = item.members.find("messageMetadata");
  if (!metadata || metadata->is_null()) return;
  said_ = FramedSaid::items;
  FramedLine(out, "message-metadata").raw("messageMetadata", metadata->raw());
}

void AiSdkFraming::say(std::string_view text, std::string& out) {
  if (!in_step_) FramedLine(out, "start-step");
  in_step_ = true;
  if (said_ != FramedSaid::text || texts_.empty()) {
    said_ = FramedSaid::text;
    texts_.push_back(message_id_ + kOwnPart + std::to_string(++own_parts_));
    FramedLine(out, "text-start").text("id", texts_.back());
  }
  FramedLine(out, "text-delta").text("id", texts_.back()).text("delta", text);
}

// --- Ends -------------------------------------------------------------------------------------------------

void AiSdkFraming::close_parts(std::string& out) {
  for (const std::string& id : texts_) FramedLine(out, "text-end").text("id", id);
  for (const std::string& id : reasonings_) FramedLine(out, "reasoning-end").text("id", id);
  for (const ToolInput& input : tool_inputs_)
    FramedLine(out, "tool-input-error")
        .text("toolCallId", input.id)
        .text("toolName", input.name)
        .raw("input", "null")
        .text("errorText", "the answer ended before the call was whole");
  texts_.clear();
  reasonings_.clear();
  tool_inputs_.clear();
}

void AiSdkFraming::close_step(std::string& out) {
  if (in_step_) FramedLine(out, "finish-step");
  in_step_ = false;
}

void AiSdkFraming::close(const FramedEnd& end, std::string& out) {
  if (is_over_) return;
  close_parts(out);
  close_step(out);
  const std::string_view why = end.message.empty() ? end.code : end.message;
  switch (end.how) {
    case How::completed: break;
    case How::failed:
      if (!has_error_) FramedLine(out, "error").text("errorText", why.empty() ? "the run has failed" : why);
      break;
    case How::cancelled:
      if (!is_aborted_) FramedLine(out, "abort").text_if_any("reason", end.message);
      break;
  }
  constexpr std::string_view kReasons[] = {"stop", "error", "other"};
  FramedLine(out, "finish").text("finishReason", kReasons[static_cast<size_t>(end.how)]);
  is_over_ = true;
}

// Readers drop what they have of the current step.
void AiSdkFraming::begin_attempt(std::string& out) {
  if (said_ == FramedSaid::nothing) return;
  close_parts(out);
  FramedLine(out, "reset-step");
  FramedLine(out, "start-step");
  said_ = FramedSaid::nothing;
  has_error_ = false;
  in_step_ = true;
}

}  // namespace gw::protocol
