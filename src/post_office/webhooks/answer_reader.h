// What the answer to a webhook's request says to whoever asked, from its body as it comes. Pure.
//
// An answer of status 200 is meant for them when its type says so: text/plain is text, text/event-stream
// pieces of one, application/json one message. Everything else says that the envelope was taken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace gw {

enum class AnswerForm : uint8_t { none, text, events, json };
AnswerForm answer_form(int status, std::string_view content_type);

class AnswerReader {
 public:
  static constexpr size_t kEventBytesMax = size_t{256} << 10;
  static constexpr size_t kJsonBytesMax = size_t{1} << 20;

  explicit AnswerReader(AnswerForm form) : form_(form) {}

  // protocol_error, too_large: no more can be put.
  Result<void> put(std::string_view bytes);
  // The body has come to its end. `is_sure`: its framing said so; else only an event that says so does.
  // unavailable: it was cut; protocol_error: it ends within a character, or is no JSON.
  Result<void> end(bool is_sure);

  // What has come since the last call: whole characters of a text, the data of each event, and of JSON, at
  // its end, the value of "message", as it is written.
  std::vector<std::string> take() { return std::exchange(pieces_, {}); }
  // An event has said that nothing follows: "event: end", or the "[DONE]" that many servers send.
  bool is_over() const { return is_over_; }
  // What an "event: error" said.
  const std::optional<std::string>& failure() const { return failure_; }

 private:
  Result<void> put_text(std::string_view bytes);
  Result<void> put_events(std::string_view bytes);
  void take_line(std::string_view line);
  void take_event();

  const AnswerForm form_;
  std::vector<std::string> pieces_;
  std::string rest_;  // of a character, a line, the JSON
  // Of events.
  std::string event_, data_;
  bool has_data_ = false;
  bool was_cr_ = false;  // a LF behind it ends no other line
  bool is_first_line_ = true;
  bool is_over_ = false;
  std::optional<std::string> failure_;
};

}  // namespace gw
