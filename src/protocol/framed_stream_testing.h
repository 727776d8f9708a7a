// For tests: a reader of a framed run's log that gives up at what its protocol does not allow, as AI SDK's
// and AG-UI's own do. It knows nothing of how the gateway frames.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "json/json.h"
#include "protocol/framed_run.h"

namespace gw::protocol {

class FramedStreamReader {
 public:
  explicit FramedStreamReader(FramedProtocol protocol) : protocol_(protocol) {}

  // Empty: all lines are read; otherwise why it has given up.
  std::string read(std::string_view lines) {
    for (; !lines.empty() && fault_.empty(); lines.remove_prefix(lines.find('\n') + 1)) {
      if (lines.find('\n') == lines.npos) return "a line without an end";
      const std::string_view line = lines.substr(0, lines.find('\n'));
      const auto object = json::parse_object(line);
      if (!object) return "no object: " + std::string(line);
      const std::string type = text_of(*object, "type");
      fault_ = protocol_ == FramedProtocol::ai_sdk ? read_chunk(type, *object) : read_event(type, *object);
      if (!fault_.empty()) fault_ += ": " + std::string(line);
      ++lines_;
    }
    return fault_;
  }
  // Its terminal was the last line.
  bool is_over() const { return is_over_; }
  const std::string& terminal() const { return terminal_; }
  // What it shows.
  const std::string& text() const { return text_; }

 private:
  std::string read_chunk(const std::string& type, const json::Object& chunk) {
    if (is_over_) return "something after finish";
    if ((lines_ == 0) != (type == "start")) return "start is not the first";
    const size_t dash = type.rfind('-');
    const std::string what = dash == type.npos ? "" : type.substr(dash + 1), kind = type.substr(0, dash);
    if (kind == "text" || kind == "reasoning") {
      if (std::string why = step(open_[kind], what, text_of(chunk, "id")); !why.empty()) return why;
      if (type == "text-delta") text_ += text_of(chunk, "delta");
    } else if (type == "reset-step") {
      open_.clear();
      text_.clear();
    } else if (type == "finish") {
      if (!open_["text"].empty() || !open_["reasoning"].empty() || in_step_) return "something is open";
      is_over_ = true;
      terminal_ = text_of(chunk, "finishReason");
    } else if (type == "start-step" || type == "finish-step") {
      in_step_ = type == "start-step";
    } else if (type != "start" && type != "abort" && type != "error" && type != "data-x") {
      return "an unknown type";
    }
    return {};
  }

  std::string read_event(const std::string& type, const json::Object& event) {
    if (is_over_) return "something after the end";
    if ((lines_ == 0) != (type == "RUN_STARTED")) return "RUN_STARTED is not the first";
    const size_t line = type.rfind('_');
    const std::string what = line == type.npos ? "" : type.substr(line + 1), kind = type.substr(0, line);
    if (kind == "TEXT_MESSAGE" || kind == "TOOL_CALL") {
      const std::string id = text_of(event, kind == "TOOL_CALL" ? "toolCallId" : "messageId");
      if (std::string why = step(open_[kind], what, id); !why.empty()) return why;
      if (type == "TEXT_MESSAGE_CONTENT") text_ += text_of(event, "delta");
    } else if (kind == "STEP") {
      return step(open_[kind], what, text_of(event, "stepName"));
    } else if (type == "MESSAGES_SNAPSHOT") {
      text_.clear();
    } else if (type == "RUN_FINISHED" || type == "RUN_ERROR") {
      const bool has_open =
          std::any_of(open_.begin(), open_.end(), [](const auto& one) { return !one.second.empty(); });
      if (type == "RUN_FINISHED" && has_open) return "something is open";
      is_over_ = true;
      terminal_ = type == "RUN_ERROR" ? "error" : event.find("outcome") ? "other" : "stop";
    } else if (type != "RUN_STARTED" && type != "CUSTOM") {
      return "an unknown type";
    }
    return {};
  }

  static std::string step(std::set<std::string>& open, const std::string& what, const std::string& id) {
    const bool begins = what == "start" || what == "START" || what == "STARTED";
    if (begins) return open.insert(id).second ? "" : "it is open";
    if (open.count(id) == 0) return "it is not open";
    if (what == "end" || what == "END" || what == "FINISHED") open.erase(id);
    return {};
  }

  const FramedProtocol protocol_;
  std::map<std::string, std::set<std::string>> open_;
  std::string text_, terminal_, fault_;
  size_t lines_ = 0;
  bool in_step_ = false;
  bool is_over_ = false;
};

}  // namespace gw::protocol
