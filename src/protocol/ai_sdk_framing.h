// What a log of AI SDK's chunks says so far (ai 7, UI message stream): which parts are open, whether a step
// is. Part of protocol/run_framing.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/framed_run.h"

namespace gw::protocol {

class AiSdkFraming {
 public:
  static void append_head(std::string& out, const FramedHead& head);

  void fold(const FramedItem& item) { apply(item); }
  FramedSaid said() const { return said_; }

  // Each appends what the log gets. Empty: done; otherwise why readers would not take it.
  std::string take(const FramedItem& item, const FramedEnd* end, std::string& out);
  void say(std::string_view text, std::string& out);
  void close(const FramedEnd& end, std::string& out);
  void begin_attempt(std::string& out);
  bool operator==(const AiSdkFraming&) const = default;

 private:
  struct ToolInput {
    std::string id, name;
    bool operator==(const ToolInput&) const = default;
  };
  std::string apply(const FramedItem& item);
  std::string apply_part(std::vector<std::string>& parts, std::string_view what, const FramedItem& item);
  std::string apply_tool_input(std::string_view what, const FramedItem& item);
  bool is_own(std::string_view part_id) const { return part_id.starts_with(message_id_ + kOwnPart); }
  void pass_metadata(const FramedItem& item, std::string& out);
  void close_parts(std::string& out);
  void close_step(std::string& out);

  static constexpr const char* kOwnPart = ":text-";

  std::string message_id_;
  FramedSaid said_ = FramedSaid::nothing;
  std::vector<std::string> texts_, reasonings_;  // open
  std::vector<ToolInput> tool_inputs_;           // the same
  unsigned own_parts_ = 0;                       // of text, that the gateway has begun
  bool in_step_ = false;
  bool has_error_ = false;  // the attempt
  bool is_aborted_ = false;
  bool is_over_ = false;
};

}  // namespace gw::protocol
